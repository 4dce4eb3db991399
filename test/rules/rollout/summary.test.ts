/** Who is called, and for what. */
import t from 'tap'
import type { OperatorOrders } from '../../../src/rules/rollout/operator-orders.ts'
import { ROLLOUT_REASONS } from '../../../src/rules/rollout/reasons.ts'
import { EMPTY_ROLLOUT, type FetchState, type RolloutState } from '../../../src/rules/rollout/state.ts'
import { SILENT_MS, summary } from '../../../src/rules/rollout/summary.ts'
import { given, MINUTE, world } from './lab.ts'

const calm = () => {
  const one = world()
  one.offer('4.25.0')
  one.settle()
  one.offer('4.25.1')
  one.settle()
  return one
}
const called = (state: RolloutState, now: number, orders: OperatorOrders = {}) =>
  summary(state, { orders, problems: [] }, now, (reason) => reason === 'Unreachable').attention.map(
    ({ reason }) => reason,
  )

t.test('summary() calls nobody while all goes its way', async (t) => {
  const one = calm()
  t.same(called(one.state, one.now), [])
  one.orders = { freeze: { until: one.now + 99 * MINUTE, ...given() } }
  one.step()
  t.same(called(one.state, one.now, one.orders), [], 'not for what somebody wanted')
})

t.test('summary() calls when the service is silent', async (t) => {
  const one = calm()
  t.same(called(one.state, one.now + SILENT_MS), [])
  t.same(called(one.state, one.now + SILENT_MS + 1), ['ServiceSilent'])
  t.same(called(EMPTY_ROLLOUT, one.now), ['ServiceSilent'])
})

t.test('summary() calls for a refused fetch, at once where it will not end by itself, else after a day', async (t) => {
  const one = calm()
  const fetch = (lastReason: string, goodAgo: number): FetchState => ({
    lastAt: one.now,
    lastStatus: 'refused',
    lastReason,
    lastDetail: 'x',
    lastGoodAt: one.now - goodAgo,
  })
  t.same(called({ ...one.state, fetch: fetch('Unreachable', 60 * MINUTE) }, one.now), [])
  t.same(called({ ...one.state, fetch: fetch('Unreachable', 1441 * MINUTE) }, one.now), ['FetchRefused'])
  t.same(called({ ...one.state, fetch: fetch('WrongKey', 0) }, one.now), ['FetchRefused'])
})

t.test(
  'summary() calls for halts, set-aside namespaces, releases taken back and Pods that refuse, each once',
  async (t) => {
    const halted = calm()
    halted.blocked = [{ namespace: 'shop', workload: 'w', detail: 'it differs.' }]
    halted.step()
    halted.step()
    t.same(called(halted.state, halted.now), ['BlockedShareChanged'])

    const aside = calm()
    aside.behave = (pod, { version }) => (pod.namespace === 'shop' && version === '4.25.1' ? 'failed' : 'active')
    aside.step()
    t.same(called(aside.state, aside.now), ['NamespaceFailing'])

    const back = calm()
    back.behave = (_, { version }) => (version === '4.25.1' ? 'failed' : 'active')
    back.step()
    back.step()
    t.same(called(back.state, back.now), ['EnginesFailing'])
    back.behave = () => 'active'
    back.offer('4.25.2')
    for (let i = 0; i < 6; i++) back.step(61)
    t.match(back.state.current, { version: '4.25.2' })
    t.same(called(back.state, back.now), [], 'not for one that is passed by')

    const failing = calm()
    failing.behave = (pod, { version }) => (pod.namespace === 'pay' && version === '4.25.0' ? 'failed' : 'active')
    failing.step()
    t.same(called(failing.state, failing.now), ['PodsFailing'])
  },
)

t.test(
  'summary() calls for an order that could not be carried out, until it is taken back or another is given',
  async (t) => {
    const one = calm()
    one.orders = { rollback: { to: '3.3.0', ...given() } }
    one.settle()
    t.same(called(one.state, one.now, one.orders), ['NotKept'])
    t.same(called(one.state, one.now, {}), [])
    one.orders = { pin: { version: '4.20.0', ...given() } }
    one.settle()
    t.same(called(one.state, one.now, one.orders), ['PinNotKept'])
  },
)

t.test('ROLLOUT_REASONS: what needs a person says what mends it', async (t) => {
  for (const [code, { person, remedy, sentence }] of Object.entries(ROLLOUT_REASONS)) {
    if (person) t.not(remedy, 'Nothing.', code)
    t.match(sentence, /\.$/, code)
  }
})
