/**
 * Every refusal and warning as a person sees it: real kubectl, real kube-apiserver, our real webhook server. Compared word for word with
 * goldens/words.txt; `UPDATE_GOLDENS=1` writes it anew.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import tap from 'tap'
import { allow } from '../../src/api/verdict.ts'
import { REASONS } from '../../src/inject/reasons.ts'
import { startServer } from '../admission/support.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { until } from '../cluster-cache/lab.ts'
import { settingsWith } from './fixtures.ts'
import { gate } from './lab.ts'
import { CASES, type Case, MORE, NAMESPACES } from './words.ts'

const GOLDEN = new URL('goldens/words.txt', import.meta.url)
const ALL: Readonly<Record<string, Case>> = { ...CASES, ...MORE }

type Gate = Awaited<ReturnType<typeof gate>>

async function prepare({ cluster, cache }: Gate, cases: readonly Case[]): Promise<void> {
  for (const { namespace, before = [] } of cases)
    for (const object of before)
      await cluster.kubectlOk(['-n', namespace, 'create', '-f', '-'], { input: JSON.stringify(object) })
  const { reader } = cache
  await until(
    'the watches see Services and NetworkPolicies',
    () => [reader.services('shop'), reader.services('stall'), reader.networkPolicies('shop')].map((it) => it.length),
    (seen) => seen.every((n) => n > 0),
  )
}

async function say(cluster: Cluster, { namespace, object, run }: Case): Promise<string> {
  const args = run ?? ['create', '--dry-run=server', '-f', '-']
  const input = object === undefined ? {} : { input: JSON.stringify(object) }
  const { code, stdout, stderr } = await cluster.kubectl(['-n', namespace, ...args], input)
  return `exit ${code}\n${stdout}${stderr}`
}

/** Another webhook that changes our container each time it is asked: an API server asks twice at most. */
async function meddle(t: Tap, cluster: Cluster): Promise<void> {
  const patch = [
    { op: 'add' as const, path: '/spec/initContainers/1/env/0', value: { name: 'LD_PRELOAD', value: '/x' } },
  ]
  const { port, ca } = await startServer(t, {
    reviewers: new Map([['mutate pods', async () => ({ ...allow('Fine', 'It is fine.'), patch })]]),
  })
  const webhook = {
    name: 'meddler.example.com',
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    reinvocationPolicy: 'IfNeeded',
    clientConfig: { url: `https://localhost:${port}/mutate`, caBundle: Buffer.from(ca.certPem).toString('base64') },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
    objectSelector: { matchLabels: { meddle: 'please' } },
  }
  const body = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'zz-meddler' },
    webhooks: [webhook],
  }
  await cluster.kubectlOk(['create', '-f', '-'], { input: JSON.stringify(body) })
  await until(
    'the other webhook is called',
    () => say(cluster, CASES.SidecarsDiffer),
    (text) => text.startsWith('exit 1'),
  )
}
type Tap = Parameters<typeof gate>[0]

function parse(text: string): Map<string, string> {
  const parts = text.split(/^=== (.*)\n/m).slice(1)
  return new Map(parts.flatMap((part, i) => (i % 2 === 0 ? [[part, parts[i + 1]!] as const] : [])))
}

tap.test('every refusal and warning reads as goldens/words.txt says, through kubectl and kube-apiserver', async (t) => {
  const usual = await gate(t, { namespaces: NAMESPACES })
  await prepare(
    usual,
    Object.values(ALL).filter(({ floor }) => floor !== true),
  )
  await meddle(t, usual.cluster)
  const settings = settingsWith({ lowestMode: 'block', allowOff: false })
  const floor = await gate(t, { namespaces: NAMESPACES, start: { name: 'floor' }, settings })

  const said = new Map<string, string>()
  for (const [name, it] of Object.entries(ALL)) said.set(name, await say(it.floor ? floor.cluster : usual.cluster, it))
  const text = [...said].map(([name, words]) => `=== ${name}\n${words}`).join('')
  if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(GOLDEN, text)
  const golden = parse(readFileSync(GOLDEN, 'utf8'))
  t.same([...golden.keys()], [...said.keys()], 'the same cases, in the same order')
  for (const [name, words] of said) t.equal(words, golden.get(name), name)

  for (const code of Object.keys(CASES) as (keyof typeof CASES)[]) {
    const fixed = REASONS[code].what.split(/\{\w+\}/)
    t.ok(
      fixed.every((piece) => said.get(code)!.includes(piece)),
      `${code} is what the case meets`,
    )
  }
})
