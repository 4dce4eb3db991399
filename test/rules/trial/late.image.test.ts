/** A bench that does not come to an end, a service that starts anew beside a bench that went on, and addresses. */
import t from 'tap'
import type { Content } from '../../../src/rules/compile/compile.ts'
import { inOwnNetwork } from '../../waf/own-network.ts'
import { compiled, realRelease, SETUP } from '../compile/support.ts'
import { settings, startBenchPod, startService } from './support.ts'

await inOwnNetwork(import.meta.filename)
const release = await realRelease('4.25.0')
const content = compiled({ release })
const pod = await startBenchPod()
t.teardown(() => pod.stop())
const never = new AbortController().signal

t.test('try() refuses what is not over in time, the second time, and says which time', async (t) => {
  const end = new AbortController()
  await pod.start()
  const hurried = { ...settings, directory: pod.run, timeoutSeconds: 3 }
  const bench = await startService(pod.run, end.signal, { settings: hurried })
  // Its first process sleeps: whoever asks gets no word.
  await pod.waf!.kill('SIGSTOP')
  // Stopped before it wrote its first status.json, it would not count as being there.
  const ready = bench.engine()
  if (ready === undefined) await pod.waf!.kill('SIGCONT')
  while (bench.engine() === undefined) await new Promise((done) => setTimeout(done, 50))
  await pod.waf!.kill('SIGSTOP')
  const result = await bench.try({ kind: 'release', namespace: 'shop', content }, never)
  t.match(result, { verdict: 'refused', reason: 'TimedOut', detail: 'not over after 3 s' })
  t.equal(await bench.try({ kind: 'release', namespace: 'bank', content }, never), result, 'and remembers it')
  await pod.waf!.kill('SIGCONT')
  end.abort(new Error('the service ends'))
})

t.test('a service that starts anew goes on with the bench that is there', async (t) => {
  const end = new AbortController()
  t.teardown(() => end.abort())
  const bench = await startService(pod.run, end.signal)
  t.match(await bench.try({ kind: 'release', namespace: 'shop', content }, never), { verdict: 'passed' })
  const only = compiled({ release, setup: { ...SETUP, onlyFrom: ['10.0.0.0/8', '192.168.0.0/16'] } })
  t.match(await bench.try({ kind: 'delta', namespace: 'shop', content: only, against: content }, never), {
    verdict: 'passed',
  })
})

t.test(
  'try() of a delta holds nothing against what its settings open, beside the release with the same settings',
  async (t) => {
    const end = new AbortController()
    t.teardown(() => end.abort())
    const bench = await startService(pod.run, end.signal)
    const setup = { ...SETUP, languages: ['java'], allowedMethods: [...SETUP.allowedMethods, 'PROPFIND', 'MKCOL'] }
    const text = `SecAction "id:100001,phase:1,pass,nolog"\n`
    const wider = compiled({ release, setup, before: [{ name: 'rules.conf', text }] })
    const alike = compiled({ release, setup })
    const tries = (against: Content) => bench.try({ kind: 'delta', namespace: 'shop', content: wider, against }, never)
    t.match(await tries(alike), { verdict: 'passed' })
    // What stood before it is no yardstick for that.
    t.match(await tries(content), { verdict: 'held', reason: 'LetsAttackPass', detail: /class method: 2 of 2/ })
  },
)

t.test('try() rejects with the reason of the signal, and of the end of the service', async (t) => {
  const end = new AbortController()
  const bench = await startService('/nonexistent', end.signal)
  const leave = new AbortController()
  const left = bench.try({ kind: 'delta', namespace: 'shop', content }, leave.signal)
  const kept = bench.try({ kind: 'delta', namespace: 'shop', content }, never)
  leave.abort(new Error('left'))
  await t.rejects(left, { message: 'left' })
  t.match(bench.state(), { waiting: 1, trouble: { reason: 'BenchMissing' } })
  end.abort(new Error('over'))
  await t.rejects(kept, { message: 'over' })
  await t.rejects(bench.try({ kind: 'delta', namespace: 'shop', content }, never), { message: 'over' })
})

t.test('try() of a newer candidate ends the wait for the older one of its lane, and of no other', async (t) => {
  const end = new AbortController()
  const bench = await startService('/nonexistent', end.signal)
  const other = compiled({ release, setup: { ...SETUP, paranoiaLevel: 2 } })
  const of = (namespace: string, policy: string, what = content) =>
    bench.try({ kind: 'delta', namespace, policy, content: what }, never)
  const state = (one: Promise<unknown>) =>
    Promise.race([
      one.then((said) => (said as { reason: string }).reason),
      new Promise((done) => setImmediate(done, 'waits')),
    ])
  const waits = [of('shop', 'a'), of('shop', 'a'), of('shop', 'b'), of('bank', 'a')]
  t.equal(bench.state().waiting, 1, 'equal ones are one trial')
  const newer = of('shop', 'a', other)
  t.strictSame(await Promise.all(waits.map(state)), ['Superseded', 'Superseded', 'waits', 'waits'])
  t.equal(bench.state().waiting, 2)
  end.abort(new Error('over'))
  for (const one of [...waits.slice(2), newer]) await t.rejects(one, { message: 'over' })
})
