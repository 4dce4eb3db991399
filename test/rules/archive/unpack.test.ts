/** Archives of strangers: what is taken, what is refused and why. */
import { createHash, randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { contentAddress, ruleFiles } from '../../../src/rules/archive/files.ts'
import type { Layout } from '../../../src/rules/archive/layout.ts'
import { crsLayout } from '../../../src/rules/archive/layouts/crs.ts'
import { ARCHIVE_LIMITS } from '../../../src/rules/archive/limits.ts'
import { ARCHIVE_REFUSALS, type ArchiveRefusal } from '../../../src/rules/archive/refusals.ts'
import { arrange, unpack } from '../../../src/rules/archive/unpack.ts'
import { crsArchive, crsFiles } from '../crs-files.ts'
import { type Entry, tarGzOf, tarOf } from './pack.ts'

/** Takes all, so that only the unpacker decides. */
const anything: Layout = { kind: 'crs', tops: [], takes: () => true, judge: () => ({ ok: true, rules: 1 }) }
const file = (name: string, body: string | Uint8Array = 'x'): Entry => ({ name, body })

t.test('unpack() takes the files of a release, without its own folder and without its pages', async (t) => {
  const unpacked = await unpack(await crsArchive({ version: '4.25.1' }), crsLayout)
  if (!unpacked.ok) throw new Error(unpacked.detail)
  const files = crsFiles({ version: '4.25.1' })
  t.equal(unpacked.version, '4.25.1')
  t.equal(unpacked.rules, 123)
  t.same([...unpacked.files.keys()], Object.keys(files).sort())
  for (const [path, { bytes, sha256 }] of unpacked.files) {
    t.equal(Buffer.from(bytes).toString(), files[path], path)
    t.equal(sha256, createHash('sha256').update(files[path]!).digest('hex'), path)
  }
})

t.test('unpack() takes `./` before paths, long names and many folders as tar writes them', async (t) => {
  const long = `rules/${'a'.repeat(150)}.conf`
  const unpacked = await unpack(await tarGzOf([file('./rules/x.conf'), file(`./${long}`)]), {
    ...anything,
    tops: ['rules'],
  })
  if (!unpacked.ok) throw new Error(unpacked.detail)
  t.same([...unpacked.files.keys()], [long, 'rules/x.conf'])
})

const small = { ...ARCHIVE_LIMITS, entries: 10, unpackedBytes: 4 * 1024 * 1024, pathBytes: 60 }
const zeros = (bytes: number) => Buffer.alloc(bytes)
const flipped = async (at: (length: number) => number): Promise<Buffer> => {
  const bytes = Buffer.from(
    await tarGzOf([file('a', Buffer.from(Array.from({ length: 4000 }, (_, i) => (i * 7919) % 251)))]),
  )
  bytes[at(bytes.length)]! ^= 0xff
  return bytes
}

const CASES: [what: string, bytes: () => Promise<Uint8Array> | Uint8Array, reason: ArchiveRefusal, detail: RegExp][] = [
  ['an absolute path', () => tarGzOf([file('/etc/passwd')]), 'PathEscapes', /"\/etc\/passwd" is absolute/],
  ['a path out of it', () => tarGzOf([file('a/../../x')]), 'PathEscapes', /leads out/],
  ['a path out of it with backslashes', () => tarGzOf([file('a\\..\\x')]), 'PathEscapes', /leads out/],
  ['a bare `..`', () => tarGzOf([{ name: '..', type: 'directory' }]), 'PathEscapes', /leads out/],
  ['a drive', () => tarGzOf([file('C:/x')]), 'PathEscapes', /absolute/],
  ['a UNC path', () => tarGzOf([file('\\\\host\\x')]), 'PathEscapes', /absolute/],
  ['a backslash in a name', () => tarGzOf([file('a\\b')]), 'PathUnreadable', /plain letters/],
  ['a line end in a name', () => tarGzOf([file('a\nb')]), 'PathUnreadable', /"a\\nb"/],
  ['an escape sequence in a name', () => tarGzOf([file('a\x1b[2Jb')]), 'PathUnreadable', /"a\\u001b\[2Jb"/],
  ['a text-direction mark in a name', () => tarGzOf([file('a\u202efnoc.b')]), 'PathUnreadable', /\\u202e/],
  ['a glob in a name', () => tarGzOf([file('rules/*.conf')]), 'PathUnreadable', /plain letters/],
  ['`.` inside a path', () => tarGzOf([file('a/./b')]), 'PathUnreadable', /plain letters/],
  ['an empty part of a path', () => tarGzOf([file('a//b')]), 'PathUnreadable', /plain letters/],
  ['a path too long', () => tarGzOf([file(`${'d/'.repeat(40)}x`)]), 'PathTooLong', /81 bytes, at most 60/],
  [
    'a symbolic link',
    () => tarGzOf([{ name: 'a', type: 'symlink', linkname: '/etc/passwd' }]),
    'LinkInside',
    /a symlink/,
  ],
  ['a hard link', () => tarGzOf([file('b'), { name: 'a', type: 'link', linkname: 'b' }]), 'LinkInside', /a link/],
  [
    'a character device',
    () => tarGzOf([{ name: 'a', type: 'character-device' }]),
    'SpecialFileInside',
    /character-device/,
  ],
  ['a block device', () => tarGzOf([{ name: 'a', type: 'block-device' }]), 'SpecialFileInside', /block-device/],
  ['a pipe', () => tarGzOf([{ name: 'a', type: 'fifo' }]), 'SpecialFileInside', /fifo/],
  ['the same path twice', () => tarGzOf([file('a', '1'), file('a', '2')]), 'DuplicatePath', /"a" is there twice/],
  ['the same path twice, once with `./`', () => tarGzOf([file('a'), file('./a')]), 'DuplicatePath', /twice/],
  ['a file that is a folder too', () => tarGzOf([file('a'), file('a/b')]), 'DuplicatePath', /as file and folder/],
  ['a folder that is a file too', () => tarGzOf([file('a/b'), file('a')]), 'DuplicatePath', /as file and folder/],
  ['names that differ by capitals', () => tarGzOf([file('a/X'), file('a/x')]), 'CaseCollision', /"a\/X" and "a\/x"/],
  ['folders that differ by capitals', () => tarGzOf([file('A/x'), file('a/y')]), 'CaseCollision', /"A" and "a"/],
  [
    'more entries than allowed',
    () => tarGzOf(Array.from({ length: 11 }, (_, i) => file(`${i}`))),
    'TooManyEntries',
    /more than 10/,
  ],
  ['a bomb', () => tarGzOf([file('a', zeros(3 * 1024 * 1024))]), 'BombRatio', /over 1:50/],
  [
    'a bomb within a bomb',
    async () => gzipSync(await tarGzOf([file('a', zeros(3 * 1024 * 1024))])),
    'Corrupt',
    /tar says/,
  ],
  [
    'more bytes than allowed',
    () => tarGzOf([file('a', randomBytes(5 * 1024 * 1024))]),
    'UnpackedTooLarge',
    /more than 4.0 MiB/,
  ],
  ['nothing', () => Buffer.alloc(0), 'Truncated', /0 bytes/],
  [
    'a web page',
    () => Buffer.from('\ufeff\n  <!doctype html><title>Sign in</title>'),
    'HtmlInsteadOfArchive',
    /web page/,
  ],
  ['a zip', () => Buffer.from('PK\x03\x04rest'), 'NotAnArchive', /0x504b0304/],
  ['a tar without gzip', () => tarOf([file('a')]), 'NotAnArchive', /gzip/],
  ['an empty tar', () => tarGzOf([]), 'NotAnArchive', /no file/],
  ['folders alone', () => tarGzOf([{ name: 'a/', type: 'directory' }]), 'NotAnArchive', /no file/],
  ['a gzip cut off', async () => (await tarGzOf([file('a', 'text')])).subarray(0, -12), 'Truncated', /before its end/],
  [
    'a tar cut off',
    async () => gzipSync((await tarOf([file('a', 'x'.repeat(2000))])).subarray(0, 1200)),
    'Truncated',
    /middle of an entry/,
  ],
  [
    'a size that is no number',
    async () => gzipSync(withSize(await tarOf([file('a', 'text')]))),
    'Corrupt',
    /"a" has a size that is no number/,
  ],
  ['gzip of something else', () => gzipSync('x'.repeat(600)), 'Corrupt', /tar says/],
  ['a changed byte', () => flipped((length) => length >> 1), 'Corrupt', /says/],
  ['a changed checksum', () => flipped((length) => length - 6), 'Corrupt', /incorrect data check/],
]

t.test('unpack() refuses what no honest archive has, and says why', async (t) => {
  for (const [what, make, reason, detail] of CASES) {
    const unpacked = await unpack(await make(), anything, { limits: small })
    t.match(unpacked, { ok: false, reason, detail }, what)
  }
})

t.test('ARCHIVE_REFUSALS has no reason that nothing gives', (t) => {
  const given = new Set(CASES.map(([, , reason]) => reason))
  // Given by a layout; the cases are below.
  for (const reason of ['MissingFiles', 'VersionUnclear'] as const) given.add(reason)
  t.same([...given].sort(), Object.keys(ARCHIVE_REFUSALS).sort())
  t.end()
})

t.test('crsLayout refuses what is not one whole release', async (t) => {
  const files = crsFiles({ version: '4.25.1' })
  const as = (changed: Record<string, string>, root = 'coreruleset-4.25.1') =>
    arrange(new Map(Object.entries(changed).map(([path, text]) => [`${root}/${path}`, Buffer.from(text)])), crsLayout)
  t.match(as(files), { ok: true, version: '4.25.1' })
  t.match(as(files, 'my-mirror'), { ok: true, version: '4.25.1' }, 'the folder may have any name that is no version')
  t.match(as(files, 'coreruleset-4.28.0'), { ok: false, reason: 'VersionUnclear', detail: /"4.25.1", "4.28.0"/ })
  const { 'rules/REQUEST-949-BLOCKING-EVALUATION.conf': _, ...without } = files
  t.match(as(without), { ok: false, reason: 'MissingFiles', detail: /REQUEST-949/ })
  t.match(as({ 'docs/a.md': 'x' }), { ok: false, reason: 'MissingFiles', detail: /None of the 1 files/ })
  const mixed = { ...files, 'rules/extra.conf': `SecRule A "@rx b" "id:1,ver:'OWASP_CRS/4.22.0'"` }
  t.match(as(mixed), { ok: false, reason: 'VersionUnclear' })
})

t.test('contentAddress() is one value for one set of files, in whatever order they come', async (t) => {
  const two = [
    ['rules/b.conf', Buffer.from('2')],
    ['rules/B.data', Buffer.from('1')],
  ] as const
  const one = contentAddress(ruleFiles(two))
  t.equal(contentAddress(ruleFiles([...two].reverse())), one)
  t.equal(contentAddress(new Map([...ruleFiles(two)].reverse())), one, 'of a map in another order too')
  t.not(contentAddress(ruleFiles([['rules/b.conf', Buffer.from('3')], two[1]])), one, 'other bytes')
  t.not(contentAddress(ruleFiles([['rules/c.conf', Buffer.from('2')], two[1]])), one, 'another path')
  // What `sha256sum` over the sorted files prints, hashed: a person can check it with a shell.
  const line = (text: string, path: string) => `${createHash('sha256').update(text).digest('hex')}  ${path}\n`
  t.equal(
    one,
    createHash('sha256')
      .update(line('1', 'rules/B.data') + line('2', 'rules/b.conf'))
      .digest('hex'),
  )
})

t.test('unpack() stops when it is told to', async (t) => {
  const bytes = await tarGzOf([file('a')])
  await t.rejects(unpack(bytes, anything, { signal: AbortSignal.abort(new Error('stop')) }), { message: 'stop' })
})

t.test('unpack() answers for any bytes: it never throws and takes no path that leads anywhere', async () => {
  const honest = await tarOf([
    file('rules/a.conf', 'SecRule'),
    file('rules/b.data', 'words\n'.repeat(100)),
    file('c'.repeat(120)),
  ])
  const answers = async (bytes: Uint8Array) => {
    const unpacked = await unpack(bytes, anything, { limits: small })
    if (!unpacked.ok)
      return unpacked.reason in ARCHIVE_REFUSALS && unpacked.detail.length > 0 && !/[\x00-\x1f]/.test(unpacked.detail)
    return [...unpacked.files.keys()].every(
      (path) => /^[^/\\\x00-\x1f][^\\\x00-\x1f]*$/.test(path) && !path.split('/').includes('..'),
    )
  }
  const bytes = fc.uint8Array({ maxLength: 2048 })
  await fc.assert(fc.asyncProperty(bytes, answers), { numRuns: 200 })
  await fc.assert(
    fc.asyncProperty(bytes, (some) => answers(gzipSync(some))),
    { numRuns: 200 },
  )
  // Any header, with a checksum that is right: what a hostile packer would write.
  const edits = fc.array(fc.tuple(fc.nat(honest.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 })
  const edited = fc.asyncProperty(edits, fc.boolean(), (some, cut) => {
    const tar = Buffer.from(honest)
    for (const [at, value] of some) tar[at] = value
    for (let block = 0; block + 512 <= tar.length; block += 512) checksum(tar.subarray(block, block + 512))
    return answers(gzipSync(cut ? tar.subarray(0, some[0]![0]) : tar))
  })
  await fc.assert(edited, { numRuns: 400 })
})

/** A first header whose size begins as a binary number does, and is none: a reader that waits for that many bytes waits for ever. */
function withSize(tar: Buffer): Buffer {
  tar[124] = 0x8b
  checksum(tar.subarray(0, 512))
  return tar
}

/** Makes a block's checksum right, if it is a header. */
function checksum(block: Buffer): void {
  if (block.toString('latin1', 257, 262) !== 'ustar') return
  block.fill(0x20, 148, 156)
  const sum = block.reduce((a, b) => a + b, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
}
