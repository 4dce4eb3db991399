/** What a namespace opens for a time: how it is read, how long it counts, and what it lets by. */
import fc from 'fast-check'
import t from 'tap'
import { glassBroken, overridesOf, overrideWarning, waives } from '../../src/guard/overrides.ts'
import { REASONS, type ReasonCode } from '../../src/guard/reasons.ts'
import { parseLimited } from '../../src/guard/time-limit.ts'
import { NOW, settings } from './parts.ts'

const HOUR = 3_600_000
const text = (ahead: number, more: object = {}) =>
  JSON.stringify({ why: 'the IDS is down', until: new Date(NOW + ahead).toISOString(), ...more })
const GLASS = 'sekisho.dev/break-glass'
const ALLOW = 'sekisho.dev/allow-uncovered'
const keys = (annotations: Record<string, string>, now = NOW) =>
  overridesOf({ annotations }, settings, now).map(({ key }) => key)

t.test('overridesOf counts by the clock of the moment, each within its own limit', async (t) => {
  t.same(keys({}), [])
  t.same(keys({ [GLASS]: text(24 * HOUR) }), [GLASS])
  t.same(keys({ [GLASS]: text(24 * HOUR + 1) }), [], 'a day at most')
  t.same(keys({ [ALLOW]: text(24 * HOUR + 1) }), [ALLOW])
  t.same(keys({ [ALLOW]: text(72 * HOUR + 1) }), [])
  t.same(keys({ [ALLOW]: text(1), [GLASS]: text(1) }), [GLASS, ALLOW], 'the wider one first')
  t.same(keys({ [GLASS]: text(1) }, NOW + 1), [], 'at `until` it is over')
  t.same(overridesOf({ annotations: { [GLASS]: text(1) } }, { ...settings, breakGlassHours: 0 }, NOW), [], '0 forbids')
})

t.test('parseLimited says which part of it is wrong', async (t) => {
  const fault = (given: string) => {
    const read = parseLimited(given, NOW, 24)
    return read.ok ? 'none' : read.fault
  }
  t.equal(fault(text(HOUR)), 'none')
  t.equal(fault('true '), 'it is not a JSON object')
  t.equal(fault('{'), 'it is not JSON')
  t.equal(fault('[]'), 'it is not a JSON object')
  t.equal(fault(text(HOUR, { by: 'me' })), 'it has the unknown key "by"')
  t.equal(fault(text(HOUR, { why: ' ' })), '"why" must be a text of 1 to 500 characters')
  t.equal(fault(text(HOUR, { until: '2030-01-01' })), '"until" must be a time like 2030-01-01T00:00:00Z')
  t.match(fault(text(0)), '"until" is over')
  t.match(fault(text(25 * HOUR)), '"until" is more than 24 h ahead')
})

t.test('parseLimited never lets by what is over, too far ahead or without a reason', async () => {
  const value = fc.oneof(
    fc.string(),
    fc.json(),
    fc.integer({ min: -50, max: 50 }).map((hours) => text(hours * HOUR)),
  )
  fc.assert(
    fc.property(value, (given) => {
      const read = parseLimited(given, NOW, 24)
      return !read.ok || (read.until > NOW && read.until <= NOW + 24 * HOUR && read.why.trim() !== '')
    }),
    { numRuns: 5000 },
  )
})

t.test(
  'waives lets by blindness, with a broken glass what holds Pods to nodes, and nothing else whatever it is',
  async (t) => {
    const [glass] = overridesOf({ annotations: { [GLASS]: text(1) } }, settings, NOW)
    const [allowed] = overridesOf({ annotations: { [ALLOW]: text(1) } }, settings, NOW)
    const by = (overrides: Parameters<typeof waives>[0]) =>
      (Object.keys(REASONS) as ReasonCode[]).filter((code) => waives(overrides, { code }))
    t.same(by([]), [])
    t.same(by([allowed!]), ['NodeBlind'])
    t.same(by([glass!]).toSorted(), ['NodeBlind', 'NodeNotSelected', 'ToleratesIdsTaint'])
    t.same([glassBroken([allowed!]), glassBroken([allowed!, glass!])], [false, true])
  },
)

t.test('overrideWarning is one line, whatever the reason holds', async (t) => {
  const warning = overrideWarning('shop', { key: GLASS, why: 'a\nb', until: NOW })
  t.equal(
    warning,
    'namespace shop: sekisho.dev/break-glass holds until 2026-05-01T12:00:00.000Z (a?b): its Pods may run on blind nodes and outside its node selector; to mend: kubectl annotate namespace shop sekisho.dev/break-glass-',
  )
})
