/**
 * The loop against a cluster in memory, with real certificates. The one law: once a webhook Pod serves a leaf, every
 * caBundle trusts it, at every moment. What happens to a run that is killed stands in ensure-killed.test.ts.
 */
import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { withoutWriting } from '../../certs-job/dry-run.ts'
import { ensure } from '../../certs-job/ensure.ts'
import { readBundle } from '../../certs-job/inspect.ts'
import { Clock, config, DAY, installed, leafOf, MemoryStore, NOW, surroundings, trusts, watchTrust } from './support.ts'

const settings = config()
t.test('ensure() installs: a CA, a leaf for every name of the Service, every entry', async (t) => {
  const clock = new Clock()
  const store = new MemoryStore(clock)
  const outcome = await ensure(store, settings, surroundings(clock))
  t.same(
    outcome.steps.map((step) => step.do),
    ['make-ca', 'make-signing-keys', 'issue-leaf', 'tell-rules', 'issue-leaf', 'publish', 'publish'],
  )
  const leaf = new X509Certificate(leafOf(store))
  t.equal(leaf.checkHost('sekisho-webhook.sekisho-system.svc'), 'sekisho-webhook.sekisho-system.svc')
  t.ok(leaf.checkHost('sekisho-webhook.sekisho-system.svc.cluster.local'))
  t.ok(leaf.checkHost('sekisho-webhook'))
  t.notOk(leaf.checkHost('other.sekisho-system.svc'))
  t.same(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1'], 'it serves and does nothing else')
  t.equal(leaf.validToDate.getTime(), NOW + 30 * DAY)
  t.equal(outcome.ca!.notAfter, NOW + 365 * DAY)
  t.ok(store.bundles().every((bundle) => trusts(bundle, leafOf(store))))
  t.equal(clock.elapsed, 0, 'without waiting, since nothing was served before')
  t.notMatch(store.secret('sekisho-webhook-tls')['ca.crt'], /PRIVATE/)
  t.same((await ensure(store, settings, surroundings(clock))).steps, [], 'and a second run has nothing to do')
})

t.test('ensure() waits for configurations that come later, and says what it waits for', async (t) => {
  const clock = new Clock()
  const store = new MemoryStore(clock, { entries: null })
  const lines: string[] = []
  const around = surroundings(clock, (line) => lines.push(line))
  const sleep = async (ms: number) => {
    clock.advance(ms)
    if (clock.elapsed >= 20_000 && store.configurations.size === 0) store.install(['late.sekisho.dev'])
  }
  await ensure(store, settings, { ...around, sleep })
  t.ok(lines.includes('waiting: MutatingWebhookConfiguration is not there yet'))
  t.equal(lines.filter((line) => line.startsWith('waiting')).length, 1, 'told once, not every two seconds')
  t.ok(store.bundles().every((bundle) => bundle !== ''))
})

t.test('ensure() gives up on configurations that never come, with the remedy', async (t) => {
  const clock = new Clock()
  const store = new MemoryStore(clock, { entries: null })
  await t.rejects(ensure(store, settings, surroundings(clock)), {
    code: 'ConfigurationAbsent',
    message:
      'Cannot publish the CA: MutatingWebhookConfiguration sekisho does not exist. Apply the manifests again, or uninstall the job too if the gate is not wanted any more.',
  })
  t.ok(leafOf(store) !== '', 'the leaf is there all the same, so that the webhook can start')
})

t.test('ensure() renews a leaf that is due by the same CA', async (t) => {
  const clock = new Clock()
  const store = new MemoryStore(clock)
  const { ca, leaf } = await installed(store, { caAge: 25 * DAY, leafAge: 21 * DAY })
  const seen = watchTrust(store)
  const outcome = await ensure(store, settings, surroundings(clock))
  t.same(
    outcome.steps.map(({ do: done, reason }) => `${done} ${reason}`),
    ['issue-leaf RenewalDue', 'issue-leaf RenewalDue'],
  )
  t.equal(outcome.ca!.fingerprint, ca.fingerprint)
  t.not(outcome.leaf!.fingerprint, leaf.fingerprint)
  t.same(seen, { gaps: [], switches: 1, rulesSwitches: 1 })
})

t.test('ensure() cuts a leaf to the life of its CA', async (t) => {
  const clock = new Clock()
  const store = new MemoryStore(clock)
  const outcome = await ensure(store, config({ caDays: 10, leafDays: 10 }), surroundings(clock))
  clock.advance(DAY)
  store.setSecret('sekisho-webhook-tls', {})
  const again = await ensure(store, config({ caDays: 10, leafDays: 10 }), surroundings(clock))
  t.equal(again.leaf!.notAfter, outcome.ca!.notAfter)
})

t.test('ensure() rotates the CA without a gap, and drops the old one a day later', async (t) => {
  const clock = new Clock()
  const store = new MemoryStore(clock)
  const { ca } = await installed(store, { caAge: 250 * DAY, leafAge: DAY })
  const seen = watchTrust(store)
  const first = await ensure(store, settings, surroundings(clock))
  t.same(
    first.steps.map((step) => step.do),
    ['make-ca', 'tell-rules', 'tell-rules', 'publish', 'publish', 'issue-leaf'],
  )
  t.ok(clock.elapsed >= 30_000, 'the leaf was switched 30 s after the new CA was published')
  t.same(
    first.previous.map(({ fingerprint }) => fingerprint),
    [ca.fingerprint],
  )
  t.equal(store.secret('sekisho-ca')['ca.key']!.match(/BEGIN/g)!.length, 1, 'the old key is gone')

  const next = async () => (await ensure(store, settings, surroundings(clock))).steps.map((step) => step.do)
  clock.advance(7 * DAY - 120_000)
  t.same(await next(), [], 'sekisho rules is not switched before the week is over, in which Pods hear of the new CA')
  clock.advance(180_000)
  t.same(await next(), ['issue-leaf'])
  clock.advance(DAY - 60_000)
  t.same(await next(), [], 'not before the day is over')
  clock.advance(120_000)
  t.same(await next(), ['drop-previous', 'tell-rules', 'tell-rules', 'publish', 'publish'])
  t.equal(readBundle(store.bundles()[0]!).length, 1)
  t.same(seen, { gaps: [], switches: 1, rulesSwitches: 1 })
})

t.test('ensure() starts the wait anew when a bundle is reset in the middle of it', async (t) => {
  const clock = new Clock()
  const store = new MemoryStore(clock)
  await installed(store, { caAge: 250 * DAY, leafAge: DAY })
  let reset = false
  const around = surroundings(clock)
  const sleep = async (ms: number) => {
    clock.advance(ms)
    if (!reset && clock.elapsed >= 20_000) {
      store.resetBundles('ValidatingWebhookConfiguration')
      reset = true
    }
  }
  const { steps } = await ensure(store, settings, { ...around, sleep })
  t.same(
    steps.map((step) => step.do),
    ['make-ca', 'tell-rules', 'tell-rules', 'publish', 'publish', 'publish', 'issue-leaf'],
  )
  t.ok(clock.elapsed >= 50_000, `20 s, and 30 s from the repair on: ${clock.elapsed} ms`)
})

t.test('ensure() repairs what a GitOps tool reset, and nothing else', async (t) => {
  const clock = new Clock()
  const store = new MemoryStore(clock)
  await installed(store, { caAge: DAY, leafAge: DAY })
  const before = store.bundles()
  store.resetBundles('MutatingWebhookConfiguration')
  const { steps } = await ensure(store, settings, surroundings(clock))
  t.same(
    steps.map((step) => step.do),
    ['publish'],
  )
  t.same(store.bundles(), before, 'the same bytes as before')
})

t.test('ensure() keeps trusting the CA of the leaf when the CA Secret was emptied', async (t) => {
  const clock = new Clock()
  const store = new MemoryStore(clock)
  await installed(store, { caAge: DAY, leafAge: DAY })
  const seen = watchTrust(store)
  store.setSecret('sekisho-ca', {})
  await ensure(store, settings, surroundings(clock))
  t.same(seen, { gaps: [], switches: 1, rulesSwitches: 0 })
})

t.test('ensure() uses the clock of the API server, and tells when this machine’s differs', async (t) => {
  const clock = new Clock()
  const store = new MemoryStore(clock)
  const lines: string[] = []
  const wrong = { ...surroundings(clock, (line) => lines.push(line)), wallClock: () => NOW - 400 * DAY }
  const outcome = await ensure(store, settings, wrong)
  t.equal(outcome.ca!.notAfter, NOW + 365 * DAY)
  t.match(lines[0], /differ by 34560000 s; the API server’s is used/)
})

t.test('ensure() heals after the API server’s clock was wrong and is set right', async (t) => {
  for (const wrongBy of [400 * DAY, -400 * DAY]) {
    const clock = new Clock(NOW + wrongBy)
    const store = new MemoryStore(clock)
    await ensure(store, settings, surroundings(clock))
    clock.wall = NOW
    const { steps, ca, leaf } = await ensure(store, settings, surroundings(clock))
    t.same(
      steps.map((step) => step.do),
      ['make-ca', 'make-signing-keys', 'issue-leaf', 'tell-rules', 'issue-leaf', 'publish', 'publish'],
      `clock wrong by ${wrongBy / DAY} days`,
    )
    t.ok(ca!.notBefore <= NOW && leaf!.notBefore <= NOW && leaf!.notAfter > NOW)
    t.equal(readBundle(store.bundles()[0]!).length, 1, 'no CA of the wrong time is kept')
  }
})

t.test('ensure() gives up against a tool that resets caBundle for ever, and says how to find it', async (t) => {
  const clock = new Clock()
  const store = new MemoryStore(clock)
  store.onWrite = (what) => {
    if (what.startsWith('bundle Mutating')) store.resetBundles('MutatingWebhookConfiguration')
  }
  await t.rejects(ensure(store, settings, surroundings(clock)), {
    code: 'KeepsChanging',
    message: /--show-managed-fields/,
  })
})

t.test('withoutWriting() tells the same steps and leaves the cluster alone', async (t) => {
  const clock = new Clock()
  const store = new MemoryStore(clock)
  await installed(store, { caAge: 250 * DAY, leafAge: DAY })
  const before = JSON.stringify([[...store.secrets], [...store.configurations]])
  const dry = await ensure(withoutWriting(store), settings, surroundings(clock))
  t.equal(JSON.stringify([[...store.secrets], [...store.configurations]]), before)
  const wet = await ensure(store, settings, surroundings(clock))
  t.same(
    dry.steps.map((step) => step.do),
    wet.steps.map((step) => step.do),
  )
})

t.test('ensure() stops at a signal', async (t) => {
  const clock = new Clock()
  const stop = new AbortController()
  stop.abort(new Error('enough'))
  await t.rejects(ensure(new MemoryStore(clock), settings, { ...surroundings(clock), signal: stop.signal }), /enough/)
})
