/** Rules keep themselves fresh, on a real node: a signed upstream, real Pods under load, and what users and operators see of it. */
import { availableParallelism, loadavg } from 'node:os'
import t from 'tap'
import { until } from '../cluster-cache/lab.ts'
import { signed } from '../rules/sources/signing.ts'
import { startUpdates } from './updates.ts'

t.setTimeout(20 * 60_000)
const REPLICAS = 4
/** How much later things may be here than on a machine that has a core for whoever wants one. */
const stretch = () => Math.max(1, loadavg()[0]! / (2 * availableParallelism()))
const began = performance.now()
const took = (what: string, since = began) => t.comment(`${what}: ${((performance.now() - since) / 1000).toFixed(1)} s`)
const world = await startUpdates(t)
const { kubectl, archives, signer } = world
const table = (pattern: RegExp, ms = 300_000) => until(`${pattern}`, world.policies, (text) => pattern.test(text), ms)
const all = (values: readonly string[], wanted: RegExp) =>
  values.length > 0 && values.every((value) => wanted.test(value))
const everywhere = (path: string, status: string, ms = 300_000) =>
  until(
    `${status} of every Pod`,
    () => world.answers(path),
    (found) => all(found, new RegExp(`^${status}$`)),
    ms,
  )

t.test('the first release reaches every Pod, and the policy says so', async (t) => {
  await world.publish({ version: '4.22.0', signature: await signed(archives.old, signer) }, archives.old)
  await world.install()
  took('installed')
  await kubectl('-n', 'sekisho-system', 'rollout', 'status', 'deployment/sekisho-rules', '--timeout=180s')
  const applied = await world.apply(...world.shop(REPLICAS))
  t.equal(applied.code, 0, applied.stderr)
  await kubectl('-n', 'shop', 'rollout', 'status', 'deployment/web', '--timeout=240s')
  await table(new RegExp(`shop +web +block +crs-4\\.22\\.0 +${REPLICAS}/${REPLICAS} +True`))
  t.ok(all(await world.generations(), /^crs-4\.22\.0-/))
  took('4.22.0 everywhere')
})

t.test('4.22.0 → 4.25.0 under load, the leader killed in the middle of it: no request fails', async (t) => {
  const end = await world.load()
  const since = performance.now()
  await world.publish({ version: '4.25.0', signature: await signed(archives.fresh, signer) }, archives.fresh)
  await until(
    'a stage',
    () => world.events('sekisho-system'),
    (found) => found.some((one) => /^StageBegun: 4\.25\.0/.test(one)),
    120_000,
  )
  const leader = await world.leader()
  const pod = /^sekisho-rules-[a-z0-9]+-[a-z0-9]+/.exec(leader)![0]
  await kubectl('-n', 'sekisho-system', 'delete', 'pod', pod, '--grace-period=0', '--force')
  await table(new RegExp(`shop +web +block +crs-4\\.25\\.0 +${REPLICAS}/${REPLICAS} +True`), 240_000)
  took('published to enforced in every Pod', since)
  t.ok(all(await world.generations(), /^crs-4\.25\.0-/))
  t.not(await world.leader(), leader, 'another one leads')
  await until(
    'adopted',
    () => world.events('sekisho-system'),
    (found) => found.some((one) => /^ReleaseAdopted: 4\.25\.0/.test(one)),
    120_000,
  )
  const { failed, ...loaded } = await end()
  t.comment(JSON.stringify(loaded))
  t.same(failed, [])
  t.ok(
    loaded.requests > 200 && loaded.uploads > 5 && loaded.attacks > 50 && loaded.echoes > 100,
    JSON.stringify(loaded),
  )
  t.match(await world.rules('status'), { code: 0, stdout: /^Release {2,}4\.25\.0\n/ })
})

t.test('a custom rule is enforced in every Pod within seconds of kubectl apply; a broken one is refused', async (t) => {
  const rules = (text: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'sekisho-rules', namespace: 'shop' },
    data: { 'rules.conf': text },
  })
  const rule = (operator: string) =>
    `SecRule REQUEST_URI "${operator} /internal" "id:100001,phase:1,deny,status:403,log,msg:'Not for visitors'"\n`
  t.same(await world.answers('/internal'), new Array(REPLICAS).fill('200'))
  const since = performance.now()
  t.equal((await world.apply(rules(rule('@beginsWith')))).code, 0)
  await everywhere('/internal', '403', 300_000)
  const seconds = (performance.now() - since) / 1000
  t.comment(`kubectl apply to enforced in every Pod: ${seconds.toFixed(1)} s`)
  const most = 15 * stretch()
  t.ok(seconds <= most, `${seconds.toFixed(1)} s, of ${most.toFixed(1)} s`)
  await table(new RegExp(`crs-4\\.25\\.0\\+1 custom +${REPLICAS}/${REPLICAS} +True`))

  const broken = await world.apply(
    rules(`${'# a comment\n'.repeat(13)}SecRule ARGS "@detectSQLI" "id:100002,phase:2,deny"\n`),
  )
  t.equal(broken.code, 1)
  t.match(broken.stderr, /rules\.conf:14: unknown operator "@detectSQLI" \(nearest: @detectSQLi\)/)
  const disarming = await world.apply(rules('SecRuleEngine Off\n'))
  t.match(disarming, { code: 1, stderr: /rules\.conf:1: / })
  t.same(await world.answers('/internal'), new Array(REPLICAS).fill('403'), 'what stood before stays')
})

t.test(
  'mode and break-glass take effect at the next poll without a restart, and break-glass ends by itself',
  async (t) => {
    const patch = (spec: object) =>
      kubectl('-n', 'shop', 'patch', 'wafpolicy', 'web', '--type=merge', '-p', JSON.stringify({ spec }))
    t.same(await world.answers(world.attack), new Array(REPLICAS).fill('403'))
    let since = performance.now()
    await patch({ mode: 'detect' })
    await everywhere(world.attack, '200')
    took('mode: detect in every Pod', since)
    since = performance.now()
    await patch({ mode: 'block' })
    await everywhere(world.attack, '403')
    took('mode: block in every Pod', since)
    await table(/ block +crs-/)

    const openMs = Math.ceil(25 * stretch()) * 1000
    const end = new Date(Math.ceil(Date.now() / 1000) * 1000 + openMs)
    await patch({ breakGlass: { until: end.toISOString().replace('.000Z', 'Z'), reason: 'checkout fails' } })
    await everywhere(world.attack, '200', openMs - 2_000)
    await table(/detect \(break-glass until /)
    await everywhere(world.attack, '403')
    t.ok(Date.now() >= end.getTime() - 1_000, 'not before its time')
    await table(/ block +crs-/)
    const events = await world.events('shop')
    for (const reason of ['BreakGlassOpened', 'BreakGlassClosed'])
      t.ok(
        events.some((one) => one.startsWith(`${reason}: `)),
        reason,
      )
    const restarts = (await world.pods()).flatMap(({ status }) =>
      status.initContainerStatuses.map((one) => one.restartCount),
    )
    t.same(restarts, new Array(2 * REPLICAS).fill(0))
  },
)

t.test(
  'what upstream should not serve changes nothing, and the reason is in status, an Event and a metric',
  async (t) => {
    const { stranger } = world
    const cases = [
      ['WrongKey', { version: '4.26.0', signature: await signed(archives.fresh, stranger) }],
      ['MissingSignature', { version: '4.26.1' }],
      ['HtmlInsteadOfArchive', { version: '4.26.2', signature: await signed(archives.fresh, signer), html: true }],
    ] as const
    for (const [reason, publication] of cases) {
      await world.publish(publication, archives.fresh)
      await until(
        reason,
        () => world.rules('status'),
        ({ stdout }) => stdout.includes(reason),
        300_000,
      )
      await until(
        `${reason} in an Event`,
        () => world.events('sekisho-system'),
        (found) => found.some((one) => one.startsWith(`FetchRefused: ${reason}: `)),
      )
      t.match(await world.metrics(), new RegExp(`fetches_total\\{status="refused",reason="${reason}"\\} [1-9]`))
    }
    t.ok(all(await world.generations(), /^crs-4\.25\.0-/))
    t.same(await world.answers(world.attack), new Array(REPLICAS).fill('403'))
  },
)

t.test(
  'without sekisho rules Pods keep serving, a new one starts with its baseline, and takes the rules once they are there',
  async (t) => {
    await kubectl('-n', 'sekisho-system', 'scale', 'deployment/sekisho-rules', '--replicas=0')
    await kubectl(
      '-n',
      'sekisho-system',
      'wait',
      'pod',
      '-l',
      'app.kubernetes.io/name=sekisho-rules',
      '--for=delete',
      '--timeout=90s',
    )
    await kubectl('-n', 'shop', 'scale', 'deployment/web', `--replicas=${REPLICAS + 1}`)
    await kubectl('-n', 'shop', 'rollout', 'status', 'deployment/web', '--timeout=120s')
    t.same(await world.answers(world.attack), new Array(REPLICAS + 1).fill('403'), 'the baseline blocks too')
    t.same(
      await world.answers('/internal'),
      new Array(REPLICAS + 1).fill('403'),
      'and the rule of the namespace is there',
    )
    t.equal(new Set(await world.generations()).size, 2, 'the new one has its baseline')
    await kubectl('-n', 'sekisho-system', 'scale', 'deployment/sekisho-rules', '--replicas=2')
    await until('one generation', world.generations, (found) => new Set(found).size === 1, 300_000)
    await table(new RegExp(`crs-4\\.25\\.0\\+1 custom +${REPLICAS + 1}/${REPLICAS + 1} +True`))
    took('all')
  },
)
