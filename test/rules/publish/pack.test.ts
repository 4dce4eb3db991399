/** Bundles over the wire: one gzip file of many members, equal bytes for equal files, and shared pieces. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createPacker } from '../../../src/rules/publish/pack.ts'

const large = Buffer.from(Array.from({ length: 5000 }, (_, i) => `SecRule ${i}\n`).join(''))
const files = new Map<string, Uint8Array>([
  ['REQUEST-901.conf', large],
  ['ca.crt', Buffer.from('CA\n')],
  ['empty.data', Buffer.alloc(0)],
  ['exact.data', Buffer.alloc(512, 1)],
  ['manifest', Buffer.from('sekisho-manifest 2\n')],
])

t.test('pack() makes what gzip and tar unpack to the same files, with nothing of time or owner', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-pack-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const whole = Buffer.concat(await createPacker().pack(files))
  writeFileSync(join(folder, 'packed'), whole)
  execFileSync('sh', ['-c', 'gzip -dc packed | tar -xf - && rm packed'], { cwd: folder })
  for (const [name, bytes] of files) t.ok(readFileSync(join(folder, name)).equals(bytes), name)
  const list = execFileSync('tar', ['-tvzf', '-'], { input: whole }).toString()
  t.equal(list.match(/-rw-r--r-- 0\/0 .* 1970-01-01 00:00/g)?.length, files.size, list)
})

t.test('pack() gives the same bytes each time, and from another packer', async (t) => {
  const packer = createPacker()
  const [a, b, c] = await Promise.all([packer.pack(files), packer.pack(files), createPacker().pack(files)])
  t.ok(Buffer.concat(a).equals(Buffer.concat(b)))
  t.ok(Buffer.concat(a).equals(Buffer.concat(c)))
})

t.test('pack() packs what bundles have in common once, and keeps no more than it may', async (t) => {
  const packer = createPacker({ mostBytes: 40_000 })
  const first = await packer.pack(files)
  const second = await packer.pack(new Map([...files, ['manifest', Buffer.from('another\n')]]))
  t.equal(first[0], second[0], 'the very same buffer')
  t.not(first[4], second[4])
  for (let i = 0; i < 30; i++) await packer.pack(new Map([['x.conf', Buffer.concat([Buffer.from(String(i)), large])]]))
  await new Promise((resolve) => setImmediate(resolve))
  t.ok(packer.kept <= 60_000, `${packer.kept} bytes`)
  t.ok(Buffer.concat(await packer.pack(files)).equals(Buffer.concat(first)), 'what was let go is packed alike')
})
