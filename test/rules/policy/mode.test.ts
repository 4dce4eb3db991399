/** The mode that holds, and what is left of break-glass. */
import t from 'tap'
import { breakGlassOf, effectiveMode, ordersOf } from '../../../src/rules/policy/mode.ts'

const NOW = Date.parse('2027-01-01T00:00:00Z')
const SETTINGS = { lowestMode: 'detect', breakGlassHours: 24 } as const
const glass = (until: string, more: object = { by: 'jane' }) => ({
  spec: { mode: 'block' as const, breakGlass: { until, reason: 'the shop is down', ...more } },
})

for (const [lowestMode, mode, expected] of [
  ['detect', undefined, 'own'],
  ['detect', 'detect', 'detect'],
  ['detect', 'block', 'block'],
  ['block', undefined, 'block'],
  ['block', 'detect', 'block'],
  ['block', 'block', 'block'],
] as const)
  t.test(`effectiveMode() is ${expected} for ${mode ?? 'nothing'} on a floor of ${lowestMode}`, async (t) =>
    t.equal(effectiveMode({ spec: mode === undefined ? {} : { mode } }, { lowestMode }), expected),
  )

t.test('effectiveMode() is the floor, or the Pod’s own, without a policy', async (t) => {
  t.equal(effectiveMode(undefined, { lowestMode: 'detect' }), 'own')
  t.equal(effectiveMode(undefined, { lowestMode: 'block' }), 'block')
})

t.test('ordersOf() opens until the very second, whatever the floor, and closes by itself', async (t) => {
  const policy = glass('2027-01-01T01:00:00.9Z')
  t.strictSame(ordersOf(policy, { ...SETTINGS, lowestMode: 'block' }, NOW), {
    mode: 'block',
    breakGlassUntil: Date.parse('2027-01-01T01:00:00Z') / 1000,
  })
  t.strictSame(ordersOf(policy, SETTINGS, NOW + 3_600_900), { mode: 'block', breakGlassUntil: 0 })
  t.strictSame(ordersOf(undefined, SETTINGS, NOW), { mode: 'own', breakGlassUntil: 0 })
})

for (const [what, policy, hours, expected] of [
  ['longer than the platform allows', glass('2027-01-02T01:00:00Z'), 24, /more than 24 h ahead/],
  ['of a platform that allows none', glass('2027-01-01T01:00:00Z'), 0, /allows none/],
  ['that names nobody', glass('2027-01-01T01:00:00Z', {}), 24, /does not say who/],
  ['that names nobody by an empty name', glass('2027-01-01T01:00:00Z', { by: '' }), 24, /does not say who/],
  ['without a time', glass('soon'), 24, /no time/],
] as const)
  t.test(`breakGlassOf() does not honour one ${what}`, async (t) => {
    const found = breakGlassOf(policy, { ...SETTINGS, breakGlassHours: hours }, NOW)
    t.match(found, { status: 'not-honoured', why: expected })
    t.equal(ordersOf(policy, { ...SETTINGS, breakGlassHours: hours }, NOW).breakGlassUntil, 0)
  })

t.test('breakGlassOf() allows for clocks that differ by a moment', async (t) => {
  t.match(breakGlassOf(glass('2027-01-02T00:00:02Z'), SETTINGS, NOW), { status: 'open', by: 'jane' })
  t.strictSame(breakGlassOf(glass('2027-01-01T00:00:00Z'), SETTINGS, NOW), { status: 'over', until: NOW })
  t.strictSame(breakGlassOf({ spec: {} }, SETTINGS, NOW), { status: 'closed' })
})
