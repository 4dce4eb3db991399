import fc from 'fast-check'
import t from 'tap'
import { createLineSplitter } from '../../src/ids/lines.ts'

const split = (limit: number, chunks: readonly Buffer[]) => {
  const lines: string[] = []
  const splitter = createLineSplitter(limit, (line) => lines.push(line.toString('latin1')))
  for (const chunk of chunks) splitter.push(chunk)
  return { lines, dropped: splitter.dropped() }
}

t.test('createLineSplitter() gives the same lines however they are cut into chunks', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 12 }).map((text) => text.replaceAll('\n', ' '))),
      fc.array(fc.nat(20)),
      (texts, cuts) => {
        const whole = Buffer.from(texts.map((text) => `${text}\n`).join(''), 'latin1')
        const chunks: Buffer[] = []
        let from = 0
        for (const cut of cuts) {
          chunks.push(whole.subarray(from, from + cut))
          from += cut
        }
        chunks.push(whole.subarray(from))
        const expected = texts.map((text) => Buffer.from(text, 'latin1')).filter(({ length }) => length > 0)
        const { lines, dropped } = split(8, chunks)
        t.strictSame(
          lines,
          expected.filter(({ length }) => length <= 8).map((line) => line.toString('latin1')),
        )
        t.equal(dropped, expected.filter(({ length }) => length > 8).length)
      },
    ),
    { numRuns: 200 },
  )
})

t.test('createLineSplitter() holds no more than the limit of a line without an end', async (t) => {
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  const lines: string[] = []
  const splitter = createLineSplitter(1000, (line) => lines.push(line.toString()))
  const before = process.memoryUsage().arrayBuffers
  for (let n = 0; n < 1000; n++) splitter.push(chunk)
  t.ok(process.memoryUsage().arrayBuffers - before < 10 * chunk.length)
  splitter.push(Buffer.from('\nafter\n'))
  t.strictSame(lines, ['after'])
  t.equal(splitter.dropped(), 1)
})
