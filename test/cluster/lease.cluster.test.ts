/** The Lease on a real API server: one leads, another takes over, and who cannot renew knows it before anybody else may lead. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { type LeaseOptions, startLease } from '../../src/cluster/lease.ts'
import { lab, linesLog, until } from '../cluster-cache/lab.ts'

const TIMES = { durationMs: 3_000, giveUpMs: 2_000, renewMs: 300 }

t.test('startLease()', async (t) => {
  const { cluster, client } = await lab(t)
  await cluster.createNamespace('sekisho-system')
  const one = (identity: string, more: Partial<LeaseOptions> = {}) => {
    const stop = new AbortController()
    const changes: boolean[] = []
    const { log } = linesLog()
    const lease = startLease({
      client,
      namespace: 'sekisho-system',
      name: 'sekisho-rules',
      identity,
      signal: stop.signal,
      log,
      monotonic: () => performance.now(),
      now: Date.now,
      sleep: (ms, signal) => sleep(ms, undefined, { signal }),
      changed: (leading) => void changes.push(leading),
      times: TIMES,
      ...more,
    })
    t.teardown(async () => {
      stop.abort()
      await lease.done
    })
    return { ...lease, stop, changes }
  }

  t.test('of two that begin at once one leads', async (t) => {
    const [a, b] = [one('a'), one('b')]
    await until(
      'one leads',
      () => [a.leads(), b.leads()],
      (all) => all.includes(true),
    )
    for (let i = 0; i < 20; i++) {
      t.notOk(a.leads() && b.leads(), 'never both')
      await sleep(100)
    }
    t.ok(a.leads() || b.leads())
    const [leader, other] = a.leads() ? [a, b] : [b, a]

    await t.test('let go, the other leads before it would have run out', async (t) => {
      const began = performance.now()
      await leader.release()
      t.notOk(leader.leads())
      await until('the other leads', () => other.leads(), Boolean)
      t.ok(performance.now() - began < TIMES.durationMs)
      t.same(leader.changes, [true, false])
      const { spec } = JSON.parse(
        await cluster.kubectlOk(['get', 'lease', 'sekisho-rules', '-n', 'sekisho-system', '-o', 'json']),
      ) as { spec: { holderIdentity: string; leaseTransitions: number } }
      t.match(spec, { holderIdentity: other === a ? 'a' : 'b', leaseTransitions: 1 })
    })
    other.stop.abort()
    await other.done
  })

  t.test('without an API server it stops to lead by itself, and another leads only afterwards', async (t) => {
    let cut = false
    const c = one('c', {
      client: {
        ...client,
        request: async (method, path, options) => {
          if (cut) throw new Error('the network is gone')
          return client.request(method, path, options)
        },
      },
    })
    await until('c leads', () => c.leads(), Boolean)
    cut = true
    const d = one('d')
    const ended = until(
      'c leads no more',
      () => c.leads(),
      (leads) => !leads,
    ).then(() => performance.now())
    const taken = until('d leads', () => d.leads(), Boolean).then(() => performance.now())
    const [end, begin] = await Promise.all([ended, taken])
    t.ok(end < begin, `ended ${Math.round(begin - end)} ms before the other began`)
    t.same(c.changes, [true, false])
    cut = false
    await sleep(TIMES.renewMs * 4)
    t.notOk(c.leads(), 'the other holds it')
  })

  t.test('somebody else’s name in it ends leading at the next turn', async (t) => {
    await cluster.kubectlOk(['delete', 'lease', 'sekisho-rules', '-n', 'sekisho-system'])
    const e = one('e')
    await until('e leads', () => e.leads(), Boolean)
    const patch = { spec: { holderIdentity: 'thief', leaseDurationSeconds: 60 } }
    await cluster.kubectlOk([
      ...['patch', 'lease', 'sekisho-rules', '-n', 'sekisho-system', '--type=merge', '-p', JSON.stringify(patch)],
    ])
    await until(
      'e leads no more',
      () => e.leads(),
      (leads) => !leads,
    )
    t.equal(e.holder(), 'thief')
  })
})
