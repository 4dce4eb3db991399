/**
 * A rule of a team's own, from `kubectl apply` to enforced in every Pod of a fleet: within 15 s. Real is all that decides about it: the API
 * server, the webhook, `sekisho rules` with its bench, a handful of Pods; the other Pods' updaters are simulated.
 */
import { loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { until } from '../../cluster-cache/lab.ts'
import { addFakePods, addRealPods, memory, NAMESPACE, shown, simulate, startInstalled, visit } from './lab.ts'

const FULL = process.env['SEKISHO_TEST_FULL'] === '1'
const PODS = FULL ? 1000 : 50
const REAL = FULL ? 5 : 3
const ROUNDS = FULL ? 5 : 2
const WITHIN_MS = 15_000
/** Of one change, however many Pods there are, and beside the status: a recipe, what is published and tried, Events. */
const MOST_WRITES = 8
/** The status of one policy is written at most so often. */
const STATUS_MS = 2_000

t.setTimeout(20 * 60_000)
const begun = performance.now()
const say = (line: string) => t.comment(`${((performance.now() - begun) / 1000).toFixed(1)} s  ${line}`)
const cluster = await startInstalled(say)
t.teardown(() => cluster.stop())
await cluster.createNamespace(NAMESPACE)
const apply = (object: object) => cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(object) })
const rules = (word: string) =>
  apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'team', namespace: NAMESPACE, labels: { 'sekisho.dev/rules': 'true' } },
    data: {
      'rules.conf': `SecRule REQUEST_URI "@beginsWith /${word}" "id:100001,phase:1,deny,status:403,log,t:none,msg:'${word}'"\n`,
    },
  })
await rules('first')
await apply({
  apiVersion: 'sekisho.dev/v1alpha1',
  kind: 'WafPolicy',
  metadata: { name: 'web', namespace: NAMESPACE },
  spec: { mode: 'block', rules: { before: ['team'] } },
})
const real = await addRealPods(cluster, REAL)
say(`${REAL} Pods run`)
const fake = await addFakePods(cluster, PODS - REAL)
say(`${fake.length} Pods were injected on fake nodes`)
const simulated = await simulate(cluster, fake, real[0]!)
t.teardown(() => simulated.stop())

const all = `${PODS}/${PODS}`
const untilShown = (generation: string | undefined) =>
  until(
    `ENFORCED ${all}`,
    async () => ({ row: await shown(cluster), generation: await published() }),
    ({ row, generation: now }) => row['ENFORCED'] === all && now !== generation,
    180_000,
  )
const published = () =>
  cluster.kubectlOk(['-n', NAMESPACE, 'get', 'wafpolicy', 'web', '-o', 'jsonpath={.status.generation}'])

interface AuditEvent {
  readonly verb: string
  readonly requestReceivedTimestamp: string
  readonly objectRef?: { readonly resource: string; readonly subresource?: string; readonly name?: string }
}
/** What the service wrote between two instants, its Lease left out: `update configmaps` → how often. */
const writes = async (from: number, to: number): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const { verb, objectRef, requestReceivedTimestamp } of (await cluster.auditLog()) as unknown as AuditEvent[]) {
    const at = Date.parse(requestReceivedTimestamp)
    if (at < from || at > to || ['get', 'list', 'watch'].includes(verb) || objectRef?.resource === 'leases') continue
    const { resource, subresource } = objectRef!
    const what = `${verb} ${resource}${subresource ? `/${subresource}` : ''}`
    counts[what] = (counts[what] ?? 0) + 1
  }
  return counts
}

t.test('kubectl get wafpolicies counts every Pod', async (t) => {
  const { row } = await untilShown('')
  t.match(row, { MODE: 'block', RULES: 'crs-4.25.0+1 custom', ENFORCED: all, ACCEPTED: 'True' })
  say(`kubectl shows ${row['ENFORCED']}`)
  t.same(
    await visit(cluster, real, '/first'),
    real.map(() => '403'),
  )
  t.same(
    await visit(cluster, real, '/'),
    real.map(() => '200'),
  )
})

for (let round = 1; round <= ROUNDS; round++)
  t.test(`kubectl apply of a rule reaches every Pod within 15 s, change ${round}`, async (t) => {
    const path = `round-${round}`
    // Wherever the Pods are in their intervals.
    await sleep(3000 + 5000 * Math.random())
    const before = await published()
    const from = Date.now()
    await rules(path)
    const applied = Date.now() - from
    const refused = until(
      'every real Pod answers 403',
      async () => ({ statuses: await visit(cluster, real, `/${path}`), at: Date.now() }),
      ({ statuses }) => statuses.every((status) => status === '403'),
      120_000,
    )
    // Which generation it is, the status says; when each simulated one got it, they know themselves.
    const told = async () => {
      const generation = await until('a new generation', published, (one) => one !== before, 120_000)
      const { lastAt } = await until(
        `every simulated Pod has ${generation}`,
        async () => simulated.last()?.placed[generation] ?? { count: 0, lastAt: 0 },
        ({ count }) => count === fake.length,
        120_000,
      )
      return lastAt - from
    }
    const [{ at }, toldMs] = await Promise.all([refused, told()])
    const refusedMs = at - from
    const { row } = await untilShown(before)
    const shownMs = Date.now() - from
    await sleep(1000)
    const wrote = await writes(from, Date.now())
    const sum = Object.values(wrote).reduce((a, b) => a + b, 0)
    say(
      `applied in ${applied} ms; every real Pod refuses after ${refusedMs} ms, every simulated one has it after ${toldMs} ms, kubectl shows ${all} after ${shownMs} ms; ${sum} writes: ${JSON.stringify(wrote)}`,
    )
    t.ok(refusedMs <= WITHIN_MS, `real Pods: ${refusedMs} ms`)
    t.ok(toldMs <= WITHIN_MS, `simulated Pods: ${toldMs} ms`)
    t.match(row, { RULES: 'crs-4.25.0+1 custom', ENFORCED: all })
    const statuses = wrote['patch wafpolicies/status'] ?? 0
    t.ok(statuses >= 1 && statuses <= (Date.now() - from) / STATUS_MS + 2, `the status was written ${statuses} times`)
    t.ok(sum > statuses && sum - statuses <= MOST_WRITES, `${sum - statuses} other writes, whatever the number of Pods`)
    t.same(
      await visit(cluster, real, '/'),
      real.map(() => '200'),
    )
  })

t.test('hardly a poll fails meanwhile', async (t) => {
  const { polls, failures } = simulated.last()!
  const ms = simulated.ms.toSorted((a, b) => a - b)
  const at = (share: number) => ms[Math.floor(share * (ms.length - 1))]
  const failed = Object.values(failures).reduce((a, b) => a + b, 0)
  say(
    `${polls} polls, failed: ${JSON.stringify(failures)}; p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; memory of the replicas at most ${await memory(cluster)} MiB; load ${loadavg()[0]!.toFixed(1)}`,
  )
  t.ok(polls > fake.length && failed <= polls / 100, `${failed} of ${polls} failed`)
})
