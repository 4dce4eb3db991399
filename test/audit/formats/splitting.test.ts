/** Bytes become lines and records, the same for any chunks, in memory that the log's writer does not decide. */
import fc from 'fast-check'
import t from 'tap'
import { splitJsonRecords } from '../../../src/audit/formats/json-records.ts'
import { type Splitter, splitLines, type Unit } from '../../../src/audit/formats/lines.ts'

const run = (splitter: Splitter, chunks: readonly Uint8Array[]): readonly Unit[] => [
  ...chunks.flatMap((chunk) => splitter.push(chunk)),
  ...splitter.end(),
]
const textsOf = (splitter: Splitter, text: string) => run(splitter, [Buffer.from(text)]).map((unit) => unit.text)

t.test(
  'splitLines() counts empty lines and does not hand them on; NUL and what is not UTF-8 are replaced',
  async (t) => {
    t.same(run(splitLines(), [Buffer.from('\ufeffa\r\n\n\r\nb\0c\rd'), Uint8Array.of(0xff)]), [
      { text: 'a', number: 1 },
      { text: 'b\ufffdc\rd\ufffd', number: 4 },
    ])
  },
)

t.test('splitLines() cuts a line that is too long at the same place for any chunks', async (t) => {
  const text = Buffer.from(`ä${'x'.repeat(30)}\nshort\n${'é'.repeat(20)}`)
  const whole = run(splitLines(15), [text])
  t.same(
    whole.map(({ number, cutFrom }) => [number, cutFrom]),
    [
      [1, 32],
      [2, undefined],
      [3, 40],
    ],
  )
  for (let size = 1; size < 40; size += 1) {
    const chunks = []
    for (let at = 0; at < text.length; at += size) chunks.push(text.subarray(at, at + size))
    t.same(run(splitLines(15), chunks), whole, `chunks of ${size}`)
  }
})

t.test('splitLines() is String.split() for any bytes and chunks', async (_t) => {
  const bytes = fc.array(fc.constantFrom(10, 13, 65, 0xc3, 0xa4, 0xff, 0xf0), { maxLength: 200 })
  fc.assert(
    fc.property(bytes, fc.nat(20), (list, size) => {
      const all = Uint8Array.from(list)
      const chunks = []
      for (let at = 0; at < all.length; at += size + 1) chunks.push(all.subarray(at, at + size + 1))
      const should = new TextDecoder()
        .decode(all)
        .split('\n')
        .map((line) => line.replace(/\r$/, ''))
        .filter((line) => line !== '')
      return JSON.stringify(run(splitLines(), chunks).map(({ text }) => text)) === JSON.stringify(should)
    }),
  )
})

t.test('splitLines() keeps no reference to a buffer that is used again', async (t) => {
  const splitter = splitLines()
  const buffer = Buffer.from('half')
  splitter.push(buffer)
  buffer.fill('!')
  t.same(splitter.push(Buffer.from(' way\n')), [{ text: 'half way', number: 1 }])
})

t.test('splitJsonRecords() finds the elements of Records, of a list, and objects by themselves', async (t) => {
  t.same(textsOf(splitJsonRecords(), '{"Records":[{"a":"}]\\""}, {"b":[{}]}],"more":["]",{}]}'), [
    '{"a":"}]\\""}',
    '{"b":[{}]}',
  ])
  t.same(textsOf(splitJsonRecords(), '[{"a":1},\n{"b":2}]'), ['{"a":1}', '{"b":2}'])
  t.same(textsOf(splitJsonRecords(), '{"a":{"Records":[1]}}\n{"x":"Records"}'), [
    '{"a":{"Records":[1]}}',
    '{"x":"Records"}',
  ])
  t.same(textsOf(splitJsonRecords(), '{ "meta": {"n":[1]}, "Records" : [ {"a":1} ] }\n{"Records":[{"b":2}]}'), [
    '{"a":1}',
    '{"b":2}',
  ])
})

t.test('splitJsonRecords() hands on what is damaged, and says that a list breaks off', async (t) => {
  t.same(textsOf(splitJsonRecords(), '{"Records":[{"a":"x\n{"b":2},7]}'), ['{"a":"x', '{"b":2}', '7'])
  const cut = run(splitJsonRecords(), [Buffer.from('{"Records":[{"a":1},{"b"')])
  t.same(
    cut.map(({ text, damaged }) => [text, damaged !== undefined]),
    [
      ['{"a":1}', false],
      ['{"b"', false],
      ['', true],
    ],
  )
})

t.test('splitJsonRecords() gives back what JSON.stringify() put in, for any chunks', async (_t) => {
  const record = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 })
  fc.assert(
    fc.property(fc.array(record, { maxLength: 5 }), fc.integer({ min: 1, max: 30 }), (records, size) => {
      const bytes = Buffer.from(JSON.stringify({ Records: records, Tail: records }))
      const chunks = []
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
      const found = run(splitJsonRecords(), chunks).map(({ text }) => text)
      return (
        JSON.stringify(found) === JSON.stringify(records.map((one) => JSON.stringify(one).replaceAll('\0', '\ufffd')))
      )
    }),
    { numRuns: 200 },
  )
})

t.test('splitJsonRecords() holds no more than a bounded record, whatever the object', async (t) => {
  const splitter = splitJsonRecords(100)
  splitter.push(Buffer.from('{"Records":[{"a":"'))
  for (let count = 0; count < 50; count += 1) t.same(splitter.push(Buffer.alloc(1000, 'x')), [])
  const [unit] = splitter.push(Buffer.from('"},{"b":1}'))
  t.equal(unit?.text.length, 100)
  t.equal(unit?.cutFrom, 50_000 + 8)
})
