/** Each format reads its sample as written down beside it, is found by what stands in it, and survives what is damaged. */
import fc from 'fast-check'
import t from 'tap'
import { detectFormat, FORMATS } from '../../../src/audit/formats/index.ts'
import { openBytes } from '../../../src/audit/formats/read.ts'
import { expectedOf, OPTIONS, readChunks, readText, sampleOf } from './samples.ts'

const NAMES = FORMATS.map(({ name }) => name)

/** Cut at these places. */
const chunksAt = (bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length))
}
const cuts = fc.array(fc.nat(20_000), { maxLength: 40 })

for (const name of NAMES) {
  const sample = sampleOf(name)

  t.test(`${name} reads its sample as it is written down`, async (t) => {
    t.same(readChunks(name, [sample]), expectedOf(name))
  })

  t.test(`${name} gives the same for any chunks of the bytes`, async (t) => {
    const whole = JSON.stringify(readChunks(name, [sample]))
    t.equal(
      JSON.stringify(
        readChunks(
          name,
          [...sample].map((byte) => Uint8Array.of(byte)),
        ),
      ),
      whole,
    )
    fc.assert(
      fc.property(cuts, (places) => JSON.stringify(readChunks(name, chunksAt(sample, places))) === whole),
      { numRuns: 30 },
    )
  })

  t.test(`${name} reads lines that end in CR LF, after a byte order mark, as the same`, async (t) => {
    const dos = `\ufeff${sample.toString().replaceAll('\n', '\r\n')}`
    const records = (text: string) =>
      readText(name, text).flatMap((read) => (read.kind === 'record' ? [{ ...read.record, id: '' }] : []))
    t.ok(records(dos).length > 0)
    t.same(records(dos), records(sample.toString()))
    t.equal(detectFormat(dos, 'x')?.name, name)
  })

  t.test(`${name} throws at nothing`, async (_t) => {
    const damaged = fc.array(fc.tuple(fc.nat(sample.length), fc.uint8Array({ maxLength: 6 })), { maxLength: 8 })
    fc.assert(
      fc.property(damaged, cuts, (damages, places) => {
        let bytes: Buffer = Buffer.from(sample)
        for (const [at, what] of damages) bytes = Buffer.concat([bytes.subarray(0, at), what, bytes.subarray(at + 2)])
        for (const read of readChunks(name, chunksAt(bytes, places)))
          if (read.kind === 'record' && (!Number.isFinite(read.record.time) || read.record.store.name === ''))
            return false
        return true
      }),
      { numRuns: 60 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => Array.isArray(readChunks(name, [bytes]))),
      { numRuns: 60 },
    )
  })

  t.test(`${name} sets a line of 10 MB aside, or reads its start, and goes on`, async (t) => {
    const long = Buffer.alloc(10 * 1024 * 1024, 'x')
    const tail = name === 'cloudtrail' ? sample : Buffer.concat([Buffer.from('\n'), sample])
    const reads = readChunks(name, name === 'cloudtrail' ? [long, Buffer.from('\n'), tail] : [long, tail])
    t.equal(reads[0]!.kind, 'poison')
    t.ok(reads[0]!.kind === 'poison' && reads[0]!.text.length <= 300)
    const records = reads.filter(({ kind }) => kind === 'record').length
    t.equal(records, (expectedOf(name) as { kind: string }[]).filter(({ kind }) => kind === 'record').length)
  })
}

t.test('detectFormat() takes each sample for its own format, and nothing else takes it for sure', async (t) => {
  for (const name of NAMES) {
    const head = sampleOf(name)
      .toString()
      .slice(0, 64 * 1024)
    t.equal(detectFormat(head, 'object')?.name, name)
    // Entries of Google's logs may be mixed in one object: those formats read each other's.
    const others = FORMATS.filter((format) => format.name !== name && format.detect(head, 'object') > 0.5)
    t.same(
      others.map((format) => format.name),
      name === 'gcp-audit' ? ['cloudsql-postgres'] : [],
      name,
    )
  }
})

t.test('detectFormat() takes no other text for a log', async (t) => {
  const texts = {
    nothing: '',
    words: 'The quick brown fox\njumps over the lazy dog\n',
    'a web server log': '192.0.2.1 - - [06/Feb/2019:00:00:38 +0000] "GET / HTTP/1.1" 200 12 "-" "curl/8"\n',
    'JSON lines': '{"level":"info","logName":"x","message":"hello"}\n',
    'other CSV': '"time","address","what"\n"1","2","3"\n',
    'an S3 event': '{"Records":[{"eventSource":"aws:s3","s3":{"bucket":{"name":"b"}}}]}',
    'a plain PostgreSQL log': '2020-10-22 11:53:26 UTC [1] LOG:  starting PostgreSQL 15\n',
  }
  for (const [what, text] of Object.entries(texts))
    t.equal(detectFormat(text, 'x_usage_log.csv')?.name, undefined, what)
})

t.test('openBytes() sets aside what a format throws at, and reads on', async (t) => {
  const format = {
    name: 'thrower',
    description: '',
    detect: () => 1,
    open: () => ({
      line: (text: string, line: number) => {
        if (text === 'bad') throw new Error('no')
        return [{ kind: 'skipped' as const, line, why: text }]
      },
      end: () => [],
    }),
  }
  t.same(openBytes(format, 'x', OPTIONS).push(Buffer.from('a\nbad\n\nb\n')), [
    { kind: 'skipped', line: 1, why: 'a' },
    { kind: 'poison', line: 2, why: 'thrower cannot read it: no', text: 'bad' },
    { kind: 'skipped', line: 4, why: 'b' },
  ])
})
