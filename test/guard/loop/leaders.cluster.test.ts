/** Two guards on a real API server: one is killed in the middle, the other goes on, and nothing is told twice. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { lab, until } from '../../cluster-cache/lab.ts'
import { handsOn, TAINT } from './lab.ts'
import { startGuard } from './process.ts'

t.test('two guards', async (t) => {
  const { cluster, client } = await lab(t, { name: 'guard-leaders' })
  const hands = await handsOn(cluster, client)
  for (const name of ['a', 'b', 'c']) {
    await hands.addNode(name)
    await hands.addPod(name, name !== 'a')
  }
  await cluster.createNamespace('shop', { 'sekisho.dev/protected': 'true' })
  const start = (name: string) => {
    const guard = startGuard({
      kubeconfig: cluster.kubeconfig,
      work: t.testdir(),
      name,
      more: { taint: { settleSeconds: 0 } },
    })
    t.teardown(() => guard.stop('SIGKILL'))
    return guard
  }
  const first = start('first')
  const leads = async (guard: typeof first) => /sekisho_guard_leader 1/.test(await guard.metrics())
  await hands.tainted('a')
  await until(
    'told',
    () => hands.events('shop'),
    (all) => all.some(({ reason }) => reason === 'Uncovered'),
  )
  const second = start('second')
  await second.healthPort
  t.notOk(await leads(second), 'one leads')
  await hands.setReady('b', false)
  await hands.tainted('b')
  const before = (await hands.events('default')).length + (await hands.events('shop')).length

  // In the middle of a change: the one that leads is not there any more.
  await hands.setReady('c', false)
  t.equal(await first.stop('SIGKILL'), 'SIGKILL')
  await until('the second leads', () => leads(second), Boolean, 60_000)
  await hands.tainted('c')
  await hands.setReady('a', true)
  await hands.free('a')
  t.same(await hands.taints('b'), [TAINT])
  await sleep(1500)
  const blind = second.lines.flatMap(({ finding }) => (finding?.action === 'tainted' ? [finding.subject.node] : []))
  t.ok(
    blind.every((node) => node === 'c'),
    `what the first told is not told again: ${blind}`,
  )
  const uncovered = second.lines.filter(({ finding }) => finding?.kind === 'NamespaceUncovered')
  t.same(uncovered, [])
  const now = (await hands.events('default')).length + (await hands.events('shop')).length
  t.ok(now - before <= 4, `${now - before} new Events: of c, of a, and at most two of the Pods there`)

  t.test('a frozen leader writes nothing when it wakes after another began', async (t) => {
    const third = start('third')
    await third.healthPort
    second.child.kill('SIGSTOP')
    await until('the third leads', () => leads(third), Boolean, 60_000)
    await hands.setReady('b', true)
    await hands.free('b')
    second.child.kill('SIGCONT')
    await sleep(1000)
    await until(
      'the second follows',
      () => leads(second),
      (is) => !is,
    )
    t.ok(await leads(third))
    t.same(await hands.taints('b'), [])
    t.same(await hands.taints('c'), [TAINT])
    t.equal(await third.stop(), 0)
    await until(
      'the second leads again, without waiting for the Lease to run out',
      () => leads(second),
      Boolean,
      14_000,
    )
  })
})
