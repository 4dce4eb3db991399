/** The Lease of a node on a real API server: made, changed, taken over by the next Pod, and written again after the server was away. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { IdsReport } from '../../src/api/ids.ts'
import { ANNOTATION } from '../../src/api/names.ts'
import type { ApiClient } from '../../src/cluster/api-client.ts'
import { startNodeLease } from '../../src/ids/node-lease.ts'
import { lab, linesLog, until } from '../cluster-cache/lab.ts'

const report = (detail: string, ready: boolean): IdsReport => ({
  v: 1,
  ready,
  check: ready ? '' : 'CanaryLost',
  detail,
  rules: { loaded: 5, failed: 0, set: 'baseline', ageHours: 0 },
  interfaces: [{ name: 'eth0', packets: 1, drops: 0, canary: 1 }],
  blindSpots: [],
  version: '',
})

t.test('startNodeLease()', async (t) => {
  const { cluster, client } = await lab(t)
  await cluster.createNamespace('sekisho-node')
  let away = false
  const failing: ApiClient = {
    ...client,
    request: async (method, path, options) => {
      if (away) throw new Error('the API server is away')
      return client.request(method, path, options)
    },
  }
  const one = (pod: string) => {
    const stop = new AbortController()
    const lease = startNodeLease({
      client: failing,
      pod: { namespace: 'sekisho-node', name: pod, uid: `uid-of-${pod}`, node: 'node-a' },
      renewMs: 60_000,
      flows: () => ({ v: 1, minutes: 1, flows: [['10.0.0.1', 3, 2]] }),
      log: linesLog().log,
      signal: stop.signal,
      monotonic: () => performance.now(),
      now: Date.now,
      sleep: (ms, signal) => sleep(ms, undefined, { signal }),
      random: Math.random,
    })
    const end = async () => {
      stop.abort()
      await lease.done
    }
    t.teardown(end)
    return { ...lease, end }
  }
  const detail = async (wanted: string) =>
    until(
      `the Lease says ${wanted}`,
      async () => {
        const { code, stdout } = await cluster.kubectl(['get', 'lease', 'node-a', '-n', 'sekisho-node', '-o', 'json'])
        if (code !== 0) return undefined
        const lease = JSON.parse(stdout)
        return (JSON.parse(lease.metadata.annotations[ANNOTATION.idsReport]) as IdsReport).detail === wanted
          ? lease
          : undefined
      },
      (lease) => lease !== undefined,
    )

  const first = one('ids-1')
  first.report(report('ready', true), true)
  const made = await detail('ready')
  t.match(made.spec, { holderIdentity: 'ids-1', leaseTransitions: 0 })
  t.match(made.metadata, {
    labels: { 'app.kubernetes.io/name': 'sekisho-ids' },
    ownerReferences: [{ kind: 'Pod', uid: 'uid-of-ids-1' }],
    annotations: { [ANNOTATION.idsFlows]: '{"v":1,"minutes":1,"flows":[["10.0.0.1",3,2]]}' },
  })
  first.report(report('lost', false), true)
  await detail('lost')

  away = true
  first.report(report('while away', true), true)
  first.report(report('while away, again', false), true)
  await sleep(500)
  away = false
  await detail('while away, again')

  await first.end()
  const second = one('ids-2')
  second.report(report('the next Pod', true), true)
  const taken = await detail('the next Pod')
  t.match(taken.spec, { holderIdentity: 'ids-2', leaseTransitions: 1 })
  t.equal(taken.metadata.ownerReferences.length, 1)
  t.equal(taken.metadata.ownerReferences[0].uid, 'uid-of-ids-2')
})
