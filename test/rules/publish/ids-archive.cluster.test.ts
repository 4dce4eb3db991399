/**
 * IDS rules through two real `sekisho rules serve` on a real API server, asked with a real token bound to a Pod: kept in parts, served by both, and
 * whole whatever happens: the leader is killed between two parts, parts are damaged, an archive is planted.
 */
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { until } from '../../cluster-cache/lab.ts'
import { tarGzOf } from '../archive/pack.ts'
import { get } from '../serve/support.ts'
import { type Serving, startStation } from './station.ts'

const station = await startStation(t, { bench: false, name: 'ids-archive' })
const { cluster } = station
const upstream = join(station.work, 'ids-upstream')
mkdirSync(upstream)
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
/** Rules, and beside them what cannot be packed smaller: as large as it takes for many parts. */
const archiveOf = async (rules: number, noise = 7_000_000) => {
  const lines = Array.from(
    { length: rules },
    (_, i) => `alert tcp any any -> any any (msg:"${i}"; sid:${2_000_000 + i};)`,
  )
  return tarGzOf([
    { name: 'rules/a.rules', body: lines.join('\n') },
    { name: 'rules/noise.lst', body: randomBytes(noise) },
  ])
}
const publish = (archive: Uint8Array) => {
  writeFileSync(join(station.work, 'next'), archive)
  renameSync(join(station.work, 'next'), join(upstream, 'emerging.rules.tar.gz'))
}
const settings = {
  sources: {
    everyMinutes: 0.02,
    crs: { from: 'directory', verify: 'none', directory: { path: station.upstream } },
    ids: { from: 'directory', directory: { path: upstream }, minimumRules: 100, shrinkPercent: 20 },
  },
}

await cluster.createNamespace('sekisho-node')
await cluster.kubectlOk(['-n', 'sekisho-node', 'create', 'serviceaccount', 'sekisho-ids'])
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'sekisho-ids-x', namespace: 'sekisho-node' },
  spec: { serviceAccountName: 'sekisho-ids', containers: [{ name: 'agent', image: 'registry.local/x:1' }] },
}
await cluster.kubectlOk(['create', '-f', '-'], { input: JSON.stringify(pod) })
const token = (
  await cluster.kubectlOk([
    ...['-n', 'sekisho-node', 'create', 'token', 'sekisho-ids', '--audience', 'sekisho-rules'],
    ...['--bound-object-kind', 'Pod', '--bound-object-name', 'sekisho-ids-x'],
  ])
).trim()

const ask = ({ port }: Serving, path: string, headers: Record<string, string> = {}) =>
  get({ port, ca: station.ca }, path, { token, headers })
const current = async (serving: Serving) => {
  const answer = await ask(serving, '/v1/ids/current')
  return answer.status === 200
    ? (JSON.parse(answer.text) as { version: string; sha256: string; bytes: number })
    : answer
}
const serves = async (serving: Serving, archive: Uint8Array, ms = 120_000) => {
  const sum = sha256(archive)
  await until(
    'it is served',
    async () => current(serving),
    (one) => 'sha256' in one && one.sha256 === sum,
    ms,
  )
  const got = await ask(serving, `/v1/ids/archives/${sum}`)
  if (got.status !== 200 || sha256(got.body) !== sum) throw new Error(`${got.status}: ${got.body.length} bytes`)
}
const names = async () =>
  (await cluster.kubectlOk(['-n', 'sekisho-system', 'get', 'configmaps', '-o', 'name']))
    .split('\n')
    .map((line) => line.replace('configmap/', ''))
    .filter((name) => name.startsWith('sekisho-ids-archive'))
    .toSorted()
interface Stored {
  readonly sha256: string
  readonly parts: string[]
  readonly fetchedAt: number
}
const stored = async (): Promise<Stored> => {
  const path = '/api/v1/namespaces/sekisho-system/configmaps/sekisho-ids-archive'
  return JSON.parse(JSON.parse((await cluster.api('GET', path)).body).data.archive).manifest
}
const holder = async () =>
  (
    await cluster.kubectl([
      '-n',
      'sekisho-system',
      'get',
      'lease',
      'sekisho-rules',
      '-o',
      'jsonpath={.spec.holderIdentity}',
    ])
  ).stdout
const leaderOf = async (replicas: readonly Serving[]) => {
  const identity = await until('somebody leads', holder, (one) => one !== '', 30_000)
  return replicas.find(({ child }) => identity.includes(`-${child.pid}-`))!
}

const [one, two] = [
  await station.serve(settings, { withBench: false }),
  await station.serve(settings, { withBench: false }),
]
const first = await archiveOf(200)

t.test('before anything was fetched it is said that it will come', async (t) => {
  const answer = await until(
    'keys are read',
    () => ask(one, '/v1/ids/current'),
    ({ reason }) => reason === 'IdsRulesNotYet',
    20_000,
  )
  t.match(answer, { status: 503, headers: { 'retry-after': /^\d+$/ } })
})

t.test('both replicas serve what the leader fetched', async (t) => {
  publish(first)
  await Promise.all([serves(one, first), serves(two, first)])
  const { parts, sha256: sum } = await stored()
  t.equal(sum, sha256(first))
  t.ok(parts.length >= 9 && parts.length <= 24, `${parts.length} parts`)
  t.strictSame(await names(), ['sekisho-ids-archive', ...parts].toSorted())
  t.match(await ask(two, '/v1/ids/current', { 'if-none-match': `"${sum}"` }), { status: 304 })
  const other = (
    await cluster.kubectlOk(['-n', 'sekisho-node', 'create', 'token', 'default', '--audience', 'sekisho-rules'])
  ).trim()
  t.match(await get({ port: one.port, ca: station.ca }, '/v1/ids/current', { token: other }), {
    reason: 'AgentUnknown',
  })
  t.match(await one.metrics(), /^sekisho_rules_ids_info\{version="content-[0-9a-f]{12}"\} 1$/m)
})

t.test('sekisho rules status says which IDS rules there are', async (t) => {
  const cli = join(import.meta.dirname, '../../../src/cli.ts')
  const args = [cli, 'rules', 'status', '--kubeconfig', cluster.kubeconfig]
  let said = ''
  try {
    said = execFileSync(process.execPath, args, { encoding: 'utf8' })
  } catch (error) {
    // Without a release of the CRS somebody is needed: exit code 1.
    said = String((error as { stdout?: unknown }).stdout)
  }
  const line = `IDS rules  content-[0-9a-f]{12}, 200 rules, sha256 ${sha256(first).slice(0, 12)}, fetched 0 min ago`
  t.match(said, new RegExp(`^${line}\\n +asked 0 min ago: (NewRelease|SameRelease|NotModified): `, 'm'))
})

t.test('fewer rules than may be lost are refused, and what was stays', async (t) => {
  publish(await archiveOf(120, 1000))
  const leader = await leaderOf([one, two])
  const events = () => station.events('sekisho-system')
  await until('it is refused', events, (all) => all.some((event) => /^FetchRefused: ShrunkTooMuch/.test(event)), 30_000)
  await serves(leader, first)
  publish(first)
  const counted = /^sekisho_rules_ids_fetches_total\{status="refused",reason="ShrunkTooMuch"\} [1-9]/m
  // A connection that was kept may end just when it is used again.
  const metrics = () => leader.metrics().catch(() => '')
  t.match(await until('it is counted', metrics, (text) => counted.test(text), 10_000), counted)
})

t.test('parts and manifests that somebody else writes are not served, and mended', async (t) => {
  const { parts, sha256: sum } = await stored()
  const part = (name: string) => `/api/v1/namespaces/sekisho-system/configmaps/${name}`
  const merge = (name: string, object: object) =>
    cluster.kubectlOk([
      '-n',
      'sekisho-system',
      'patch',
      'configmap',
      name,
      '--type=merge',
      '-p',
      JSON.stringify(object),
    ])
  const mended = async () => {
    await until(
      'it is whole again',
      async () => {
        const found = await Promise.all(parts.map((name) => cluster.api('GET', part(name))))
        if (found.some(({ status }) => status !== 200)) return ''
        const bytes = found.map(({ body }) => Buffer.from(JSON.parse(body).binaryData.part, 'base64'))
        return `${sha256(Buffer.concat(bytes))} ${(await stored().catch(() => undefined))?.sha256}`
      },
      (both) => both === `${sum} ${sum}`,
      120_000,
    )
    await Promise.all([serves(one, first), serves(two, first)])
  }
  await merge(parts[3]!, { binaryData: { part: Buffer.from('evil').toString('base64') } })
  await mended()
  await cluster.kubectlOk(['-n', 'sekisho-system', 'delete', 'configmap', parts[5]!, 'sekisho-ids-archive'])
  await mended()

  // Whole and with the right hash, but nobody's word stands for it.
  const evil = await archiveOf(200, 1000)
  const name = `sekisho-ids-archive-${sha256(evil).slice(0, 12)}-0`
  const labels = { 'app.kubernetes.io/name': 'sekisho-rules' }
  await station.apply({
    ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'sekisho-system', labels } },
    binaryData: { part: evil.toString('base64') },
  })
  const planted = { ...(await stored()), sha256: sha256(evil), bytes: evil.length, parts: [name] }
  await merge('sekisho-ids-archive', { data: { archive: JSON.stringify({ form: 1, manifest: planted }) } })
  for (let i = 0; i < 10; i++)
    for (const replica of [one, two]) t.match(await current(replica), { sha256: sum }, 'what is planted is not served')
  await mended()
})

t.test('a leader that is killed between two parts leaves what was, and the next one finishes', async (t) => {
  const leader = await leaderOf([one, two])
  const follower = leader === one ? two : one
  let before = first
  let next = first
  for (let tries = 0; ; tries++) {
    if (tries === 5) throw new Error('it was never caught between two parts')
    next = await archiveOf(200 + tries)
    const prefix = `sekisho-ids-archive-${sha256(next).slice(0, 12)}-`
    publish(next)
    const path = `/api/v1/namespaces/sekisho-system/configmaps/${prefix}1`
    while ((await cluster.api('GET', path)).status !== 200) await new Promise((done) => setTimeout(done, 5))
    leader.child.kill('SIGSTOP')
    const { sha256: sum, parts } = await stored()
    const there = (await names()).filter((name) => name.startsWith(prefix)).length
    if (sum === sha256(before) && there < parts.length) {
      t.comment(`killed with ${there} parts of ${parts.length}`)
      break
    }
    leader.child.kill('SIGCONT')
    before = next
    await serves(leader, next)
  }
  await leader.stop('SIGKILL')
  await serves(follower, before, 10_000)
  const late = await station.serve(settings, { withBench: false })
  // By then the other one may lead already, and have finished: one of the two, and whole.
  const begun = await until(
    'the replica that begins now serves',
    () => current(late),
    (one) => 'sha256' in one,
    60_000,
  )
  t.ok('sha256' in begun && [sha256(before), sha256(next)].includes(begun.sha256), 'what was, or what is')
  await Promise.all([serves(follower, next), serves(late, next)])
  t.strictSame(await names(), ['sekisho-ids-archive', ...(await stored()).parts].toSorted(), 'nothing is left over')
})
