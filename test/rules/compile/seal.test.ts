import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { manifestText, readManifest } from '../../../src/rules/compile/manifest.ts'
import { type SealInput, seal } from '../../../src/rules/compile/seal.ts'
import { compiled, hash, key, releaseOf, SMALL } from './support.ts'

// With data files, whose names stand behind ca.crt.
const content = compiled({
  release: releaseOf({
    ...SMALL,
    'rules/REQUEST-930-X.conf': 'SecRule ARGS "@pmFromFile x.data" "id:930001,phase:2,block"\n',
    'rules/x.data': 'x\n',
  }),
})
const INPUT: SealInput = { namespace: 'shop', sequence: 7, rollback: false, keys: [key.public], hash, sign: key.sign }
const sealed = (change: Partial<SealInput> = {}) => {
  const outcome = seal(content, { ...INPUT, ...change })
  if (outcome.status === 'refused') throw new Error(outcome.problems.map(({ message }) => message).join('\n'))
  return outcome
}
const folder = mkdtempSync(join(tmpdir(), 'seal-'))
t.teardown(() => rmSync(folder, { recursive: true }))

/** As a shell with openssl does it, with the raw key from its environment. docs/reference/rule-bundle.md has the same lines. */
const VERIFY = `
{ printf '%s\\n' '-----BEGIN PUBLIC KEY-----' "MCowBQYDK2VwAyEA$SEKISHO_RULES_KEY" '-----END PUBLIC KEY-----'; } > key.pem
openssl pkeyutl -verify -rawin -pubin -inkey key.pem -in manifest -sigfile manifest.sig
`
const verifies = (manifest: Uint8Array, signature: Uint8Array, publicKey: string): boolean => {
  writeFileSync(join(folder, 'manifest'), manifest)
  writeFileSync(join(folder, 'manifest.sig'), signature)
  const { status } = spawnSync('sh', ['-ec', VERIFY], {
    cwd: folder,
    env: { ...process.env, SEKISHO_RULES_KEY: publicKey },
  })
  return status === 0
}

t.test('seal() signs what openssl verifies with the raw key, and nothing else', (t) => {
  const { manifest, signature } = sealed()
  t.equal(signature.length, 64)
  t.ok(verifies(manifest, signature, key.public))
  const changed = Uint8Array.from(manifest)
  changed[changed.length - 2]! ^= 1
  t.notOk(verifies(changed, signature, key.public), 'a changed manifest')
  t.notOk(
    verifies(
      manifest,
      Uint8Array.from(signature, (byte, i) => (i === 3 ? byte ^ 1 : byte)),
      key.public,
    ),
    'a changed signature',
  )
  const other = Buffer.from(key.public, 'base64')
  other[0]! ^= 1
  t.notOk(verifies(manifest, signature, other.toString('base64')), 'another key')
  t.notOk(verifies(sealed({ sequence: 8 }).manifest, signature, key.public), 'the signature of another sequence')
  t.end()
})

t.test('seal() writes a manifest whose sums sha256sum checks', (t) => {
  const { manifest, files } = sealed({ ca: '-----BEGIN CERTIFICATE-----\n' })
  const place = mkdtempSync(join(folder, 'files-'))
  for (const [name, bytes] of files) writeFileSync(join(place, name), bytes)
  const check = () =>
    execFileSync('sh', ['-ec', "grep -E '^[0-9a-f]{64}  ' manifest | sha256sum -c --strict --quiet -"], { cwd: place })
  t.doesNotThrow(check)
  t.match(Buffer.from(manifest).toString(), /^[0-9a-f]{64} {2}ca\.crt$/m)
  const names = readManifest(Buffer.from(manifest).toString())!.sums.map(({ name }) => name)
  t.strictSame(names, names.toSorted())
  writeFileSync(join(place, 'REQUEST-901-INITIALIZATION.conf'), '# nothing\n')
  t.throws(check)
  t.end()
})

t.test('seal() names a generation after its manifest, as the WAF wants names', (t) => {
  const { generation, manifest, files } = sealed()
  t.equal(generation, `crs-4.25.0-${hash(manifest).slice(0, 16)}`)
  t.match(generation, /^[a-z0-9][a-z0-9.-]{0,63}$/)
  t.strictSame([...files.keys()].toSorted(), [...files.keys()])
  t.strictSame(
    [...files.keys()].filter((name) => !content.files.has(name)),
    ['manifest', 'manifest.sig'],
  )
  t.end()
})

t.test('seal() gives the same bytes to the same input, and others to another namespace, sequence or rollback', (t) => {
  const name = (change: Partial<SealInput> = {}) => sealed(change).generation
  t.equal(name(), name())
  const other = fc.sample(fc.string({ minLength: 32, maxLength: 32 }), 1)[0]!
  const second = Buffer.from(hash(Buffer.from(other)), 'hex').toString('base64')
  t.equal(name({ keys: [key.public, second] }), name({ keys: [second, key.public] }))
  const names = [
    name(),
    name({ namespace: 'shop-2' }),
    name({ sequence: 8 }),
    name({ rollback: true }),
    name({ keys: [] }),
    name({ ca: 'x' }),
  ]
  t.equal(new Set(names).size, names.length)
  t.end()
})

t.test('readManifest() reads what manifestText() writes, and refuses every other form', (t) => {
  const text = Buffer.from(sealed({ rollback: true }).manifest).toString()
  const read = readManifest(text)!
  t.match(read, {
    release: '4.25.0',
    rules: content.rules,
    namespace: 'shop',
    sequence: 7,
    rollback: true,
    keys: [key.public],
  })
  t.equal(manifestText(read), text)
  t.strictSame(read.sums, content.sums)
  const locked = manifestText({ ...read, onlyFrom: ['192.0.2.0/24', '2001:db8::/32'] })
  t.match(locked, /fields-limit 1048576\nonly-from 192\.0\.2\.0\/24\nonly-from 2001:db8::\/32\nkey /)
  t.strictSame(readManifest(locked)?.onlyFrom, ['192.0.2.0/24', '2001:db8::/32'])
  for (const [what, other] of Object.entries({
    'another version': text.replace('manifest 2', 'manifest 3'),
    'a line more': text.replace('rollback yes\n', 'rollback yes\nmode detect\n'),
    'another order': text.replace(/(namespace .*\n)(sequence .*\n)/, '$2$1'),
    'no rules': text.replace(/^rules \d+/m, 'rules 0'),
    'a sequence of 0': text.replace(/^sequence \d+/m, 'sequence 0'),
    'a path': text.replace(/ {2}REQUEST-901/, '  ../REQUEST-901'),
    'a hidden file': text.replace(/ {2}REQUEST-901/, '  .REQUEST-901'),
    'no files': text.replace(/^[0-9a-f]{64}.*\n/gm, ''),
    'an address without a width': locked.replace('only-from 192.0.2.0/24', 'only-from 192.0.2.0'),
    'no line end': text.slice(0, -1),
    'a carriage return': text.replace('\n', '\r\n'),
    'a namespace of two lines': text.replace('namespace shop', 'namespace shop\nnamespace bank'),
  }))
    t.equal(readManifest(other), undefined, what)
  t.end()
})

const WRONG: [string, Partial<SealInput>, RegExp][] = [
  ['a namespace with a line break', { namespace: 'shop\nsequence 9' }, /^namespace: the name of a namespace is wanted/],
  ['a namespace of capitals', { namespace: 'Shop' }, /^namespace/],
  ['a sequence of 0', { sequence: 0 }, /^sequence: a whole number from 1 is wanted, not 0/],
  ['a sequence that is no number', { sequence: Number.NaN }, /^sequence/],
  ['a key in PEM', { keys: ['-----BEGIN PUBLIC KEY-----'] }, /^keys\[0\]: a raw Ed25519 public key/],
  [
    'a signature of another kind',
    { sign: () => new Uint8Array(256) },
    /^sign: a signature of 64 bytes is wanted, not of 256/,
  ],
]
for (const [what, change, expected] of WRONG)
  t.test(`seal() refuses ${what}`, (t) => {
    const outcome = seal(content, { ...INPUT, ...change })
    t.match(outcome.status === 'refused' && outcome.problems.map(({ where, message }) => `${where}: ${message}`), [
      expected,
    ])
    t.end()
  })
