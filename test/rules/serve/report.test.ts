/** parseReport: what a Pod may say, and what an attacker in it may not. */
import fc from 'fast-check'
import t from 'tap'
import { ServeError } from '../../../src/rules/serve/errors.ts'
import { parseReport } from '../../../src/rules/serve/report.ts'
import { REPORT } from './support.ts'

const header = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64')
const EMPTY = {
  protocol: 1,
  image: '',
  requests: 0,
  blocked: 0,
  generation: '',
  sequence: 0,
  wanted: '',
  state: 'waiting',
  reason: '',
  detail: '',
  mode: '',
  orders: '',
  rules: 0,
  engine: '',
}

t.test('parseReport() takes a report in part, or none', async (t) => {
  t.same(parseReport(undefined), EMPTY)
  t.same(parseReport(header({})), EMPTY)
  t.same(parseReport(header({ status: {} })), EMPTY)
  t.same(parseReport(header({ requests: 3, status: { engine: '3.0.16' } })), {
    ...EMPTY,
    requests: 3,
    engine: '3.0.16',
  })
})

t.test('parseReport() keeps the known fields of a whole report', async (t) => {
  const { status, ...rest } = REPORT
  const { crs, nginx, time, ...kept } = status
  t.same(parseReport(header(REPORT)), { ...rest, ...kept })
})

t.test(
  'parseReport() takes out of a sentence what could confuse a terminal, a log or a reader, and cuts it',
  async (t) => {
    const { detail, image } = parseReport(
      header({ image: 'a\r\nb', status: { detail: `x\u001b[31mred\u0000\u202egnp\u2028${'y'.repeat(900)}` } }),
    )
    t.equal(image, 'a b')
    t.match(detail, /^x \[31mred gnp y+$/)
    t.equal(detail.length, 512)
  },
)

const garbage: [what: string, value: string | string[], says: RegExp][] = [
  ['no base64', '{"protocol":1}', /not base64/],
  ['an empty header', '', /not base64/],
  ['two headers', [header({}), header({})], /two of them/],
  ['no JSON', header('hello'), /not JSON/],
  ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]).toString('base64'), /not JSON/],
  ['a list', header([]), /not an object/],
  ['null', header('null'), /not an object/],
  ['a text', header('"x"'), /not an object/],
  ['more than 4 KiB', header({ status: { detail: 'x'.repeat(5000) } }), /larger than 4096 bytes/],
  ['a negative count', header({ requests: -1 }), /'requests'/],
  ['a broken count', header({ blocked: 0.5 }), /'blocked'/],
  ['a count beyond what a number holds', header('{"requests":1e300}'), /'requests'/],
  ['a text for a count', header({ requests: '1' }), /'requests'/],
  ['null for a text', header({ image: null }), /'image'/],
  ['an object for a text', header({ status: { detail: { toString: 1 } } }), /'status.detail'/],
  ['a list for the status', header({ status: [] }), /'status'/],
  ['a state that is none', header({ status: { state: 'fine' } }), /'status.state'/],
  ['a mode that is none', header({ status: { mode: 'off' } }), /'status.mode'/],
  ['a path for a generation', header({ status: { generation: '../../etc' } }), /'status.generation'/],
  ['a generation of 200 characters', header({ status: { generation: 'g'.repeat(200) } }), /'status.generation'/],
  ['an engine with words in it', header({ status: { engine: '3.0.16; rm' } }), /'status.engine'/],
  ['orders that are no id', header({ status: { orders: 'ABCDEF0123456789' } }), /'status.orders'/],
  ['a reason with spaces', header({ status: { reason: 'Not A Code' } }), /'status.reason'/],
  ['protocol 0', header({ protocol: 0 }), /'protocol'/],
]
for (const [what, value, says] of garbage)
  t.test(`parseReport() refuses ${what}`, async (t) => {
    try {
      parseReport(value)
      t.fail('it was taken')
    } catch (error) {
      t.ok(error instanceof ServeError)
      t.match(error, { code: 'ReportInvalid', status: 400, message: says })
      t.ok((error as Error).message.length < 200, 'short')
    }
  })

t.test('parseReport() pollutes no prototype', async (t) => {
  parseReport(
    header(
      '{"__proto__":{"polluted":1},"status":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}',
    ),
  )
  t.notOk('polluted' in {})
})

t.test('parseReport() either refuses, or gives bounded words in which nothing is unseen', async (t) => {
  const field = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 600 }),
    fc.integer(),
    fc.constant(null),
    fc.constantFrom('active', 'block', '3.0.16', 'Active'),
  )
  const status = fc.record(
    {
      generation: field,
      wanted: field,
      state: field,
      reason: field,
      detail: field,
      mode: field,
      orders: field,
      rules: field,
      engine: field,
    },
    { requiredKeys: [] },
  )
  const report = fc.record(
    { protocol: field, image: field, requests: field, blocked: field, status: fc.oneof(status, field) },
    { requiredKeys: [] },
  )
  let taken = 0
  fc.assert(
    fc.property(report, (value) => {
      try {
        for (const one of Object.values(parseReport(header(value)))) {
          if (typeof one === 'string') return one.length <= 512 && !/[\p{Cc}\p{Cf}]/u.test(one)
          if (!Number.isSafeInteger(one) || one < 0) return false
        }
        taken++
        return true
      } catch (error) {
        return error instanceof ServeError
      }
    }),
    { numRuns: 2000, examples: [[{}]] },
  )
  t.ok(taken >= 0)
})
