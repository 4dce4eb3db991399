import t, { type Test } from 'tap'
import type { IdsReport } from '../../src/api/ids.ts'
import { ANNOTATION } from '../../src/api/names.ts'
import { type ApiClient, ApiError } from '../../src/cluster/api-client.ts'
import { startNodeLease } from '../../src/ids/node-lease.ts'

const PATH = '/apis/coordination.k8s.io/v1/namespaces/sekisho-node/leases'
const report = (detail: string, ready = true): IdsReport => ({
  v: 1,
  ready,
  check: ready ? '' : 'CanaryLost',
  detail,
  rules: { loaded: 5, failed: 0, set: 'baseline', ageHours: 0 },
  interfaces: [],
  blindSpots: [],
  version: '',
})

interface Body {
  readonly metadata: {
    readonly resourceVersion?: string
    readonly annotations: Readonly<Record<string, string>>
    readonly labels: object
    readonly ownerReferences: readonly object[]
  }
  readonly spec: { readonly holderIdentity: string; readonly leaseTransitions: number; readonly acquireTime: string }
}
/** An API server with one Lease, and sleeps that end when they are told. */
const play = (t: Test, before?: object) => {
  let lease = before as Body | undefined
  let version = 0
  const writes: [string, Body][] = []
  const failures: Error[] = []
  const sleeps: { ms: number; end: () => void }[] = []
  let clock = 0
  const request = async (method: string, path: string, options: { body?: unknown } = {}) => {
    await Promise.resolve()
    const failure = failures.shift()
    if (failure) throw failure
    if (method === 'GET') {
      t.equal(path, `${PATH}/node-a`)
      if (!lease) throw new ApiError(404, 'not found')
      return lease
    }
    const body = options.body as Body
    t.equal(path, method === 'POST' ? PATH : `${PATH}/node-a`)
    writes.push([method, body])
    lease = { ...body, metadata: { ...body.metadata, resourceVersion: `${++version}` } }
    return lease
  }
  const logged: string[] = []
  const log = {
    info: (_: object, text: string) => logged.push(text),
    warn: (_: object, text: string) => logged.push(text),
  }
  const stopping = new AbortController()
  const started = startNodeLease({
    client: { request, open: undefined as never, close: () => {} } as unknown as ApiClient,
    pod: { namespace: 'sekisho-node', name: 'ids-x', uid: 'uid-x', node: 'node-a' },
    renewMs: 60_000,
    flows: () => ({ v: 1, minutes: 1, flows: [['10.0.0.1', writes.length, 0]] }),
    log,
    signal: stopping.signal,
    monotonic: () => clock,
    now: () => Date.UTC(2026, 0, 1),
    sleep: (ms) => new Promise((end) => sleeps.push({ ms, end })),
    random: () => 0.5,
  })
  /** Until what was begun waits for something. */
  const settle = async () => {
    for (let n = 0; n < 50; n++) await Promise.resolve()
  }
  t.teardown(async () => {
    stopping.abort()
    for (const { end } of sleeps) end()
    await started.done
  })
  const told = () =>
    writes.map(([, body]) => (JSON.parse(body.metadata.annotations[ANNOTATION.idsReport]!) as IdsReport).detail)
  return {
    started,
    writes,
    failures,
    sleeps,
    logged,
    settle,
    told,
    wait: (ms: number) => (clock += ms),
    lease: () => lease,
  }
}

t.test('startNodeLease() makes the Lease of its node with the first report, as its Pod', async (t) => {
  const { started, writes, settle, sleeps } = play(t)
  await settle()
  t.equal(writes.length, 0, 'nothing is known yet')
  started.report(report('first'), true)
  await settle()
  const [[method, body]] = writes as [[string, Body]]
  t.equal(method, 'POST')
  t.match(body, {
    metadata: {
      name: 'node-a',
      labels: { 'app.kubernetes.io/name': 'sekisho-ids' },
      annotations: { [ANNOTATION.idsReport]: JSON.stringify(report('first')) },
      ownerReferences: [{ kind: 'Pod', name: 'ids-x', uid: 'uid-x' }],
    },
    spec: { holderIdentity: 'ids-x', renewTime: '2026-01-01T00:00:00.000000Z', leaseTransitions: 0 },
  })
  t.equal(sleeps.at(-1)!.ms, 54_000, 'a little before the renewal is due, spread over nodes')
})

t.test('startNodeLease() writes a change at once, the rest with the next renewal, always the newest', async (t) => {
  const { started, settle, sleeps, told } = play(t)
  started.report(report('first'), true)
  await settle()
  started.report(report('second'), false)
  await settle()
  t.strictSame(told(), ['first'])
  started.report(report('lost', false), true)
  await settle()
  t.strictSame(told(), ['first', 'lost'])
  started.report(report('third', false), false)
  sleeps.at(-1)!.end()
  await settle()
  t.strictSame(told(), ['first', 'lost', 'third'])
})

t.test('startNodeLease() misses no change that comes while it writes', async (t) => {
  const { started, settle, told } = play(t)
  started.report(report('first'), true)
  await Promise.resolve()
  await Promise.resolve()
  started.report(report('lost', false), true)
  await settle()
  t.equal(told().at(-1), 'lost')
})

t.test('startNodeLease() takes over the Lease of the Pod before, and leaves what others wrote on it', async (t) => {
  const { started, settle, writes } = play(t, {
    metadata: { resourceVersion: '7', uid: 'u', annotations: { theirs: 'x' }, labels: { more: 'y' } },
    spec: { holderIdentity: 'ids-old', acquireTime: 'then', leaseTransitions: 2 },
  })
  started.report(report('first'), true)
  await settle()
  t.match(writes[0], [
    'PUT',
    {
      metadata: { resourceVersion: '7', annotations: { theirs: 'x' }, labels: { more: 'y' } },
      spec: { holderIdentity: 'ids-x', leaseTransitions: 3, acquireTime: '2026-01-01T00:00:00.000000Z' },
    },
  ])
})

t.test(
  'startNodeLease() tries again with longer pauses while it fails, soon after a conflict, and logs it once',
  async (t) => {
    const { started, settle, sleeps, failures, told, logged } = play(t)
    failures.push(new Error('away'), new Error('away'), new ApiError(409, 'conflict'))
    started.report(report('first'), true)
    for (const ms of [1000, 2000, 100]) {
      await settle()
      t.equal(sleeps.at(-1)!.ms, ms)
      sleeps.at(-1)!.end()
    }
    await settle()
    t.strictSame(told(), ['first'])
    t.strictSame(logged, [
      'the Lease could not be written',
      'the Lease could not be written',
      'the Lease can be written again',
    ])
  },
)

t.test('startNodeLease() renews the flows every ten minutes', async (t) => {
  const { started, settle, sleeps, writes, wait } = play(t)
  started.report(report('first'), true)
  await settle()
  for (const ms of [599_000, 1000]) {
    wait(ms)
    sleeps.at(-1)!.end()
    await settle()
  }
  const flows = writes.map(([, { metadata }]) => JSON.parse(metadata.annotations[ANNOTATION.idsFlows]!).flows[0][1])
  t.strictSame(flows, [0, 0, 2])
})
