import { execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { type Entry, tarGzOf, tarOf } from '../rules/archive/pack.ts'
import { inOwnNetwork } from './own-network.ts'
import { until } from './pod.ts'
import { type Bundle, packedBundle, startUpdateService } from './update-service.ts'
import { startUpdater } from './updater.ts'

await inOwnNetwork(import.meta.filename)
const service = await startUpdateService()
let made = 0
const manifest = (): Entry => ({ name: 'manifest', body: `sekisho-manifest 2\n${++made}\n` })
const good = async (): Promise<Bundle> =>
  packedBundle(await tarGzOf([{ name: 'REQUEST-901-X.conf', body: 'SecAction "id:1"\n' }, manifest()]))
const served = await good()
service.publish(served)
const updater = await startUpdater(service, { runBytes: 24 << 20 })
t.teardown(async () => {
  await updater.stop()
  await service.stop()
})
const last = () => service.current().at(-1)!
const outcome = () => last().report?.status ?? {}
await until('the first bundle', () => last()?.status === 304)

/** Entries that a tar may hold and a bundle may not. */
const file = (name: string): Entry => ({ name, body: 'x' })
const hostile: [what: string, packed: () => Promise<Buffer> | Buffer, detail: RegExp][] = [
  ['a path upwards', () => tarGzOf([file('../../wanted')]), /not a regular file|not a plain name/],
  ['an absolute path', () => tarGzOf([file('/run/sekisho/wanted')]), /not a regular file|not a plain name/],
  ['a folder', () => tarGzOf([{ name: 'x/', type: 'directory' }]), /not a regular file/],
  ['a file in a folder', () => tarGzOf([file('x/REQUEST-1.conf')]), /not a plain name/],
  [
    'a symbolic link',
    () => tarGzOf([{ name: 'x.conf', type: 'symlink', linkname: '/etc/passwd' }]),
    /not a regular file/,
  ],
  [
    'a link, then a file through it',
    () => tarGzOf([{ name: 'x', type: 'symlink', linkname: '..' }, file('x/wanted')]),
    /not a regular file/,
  ],
  [
    'a hard link',
    () => tarGzOf([file('a.conf'), { name: 'b.conf', type: 'link', linkname: 'a.conf' }]),
    /not a regular file/,
  ],
  [
    'a hard link outwards',
    () => tarGzOf([{ name: 'b.conf', type: 'link', linkname: '../../wanted' }]),
    /not a regular file/,
  ],
  ['a FIFO', () => tarGzOf([{ name: 'x.conf', type: 'fifo' }]), /not a regular file/],
  ['a block device', () => tarGzOf([{ name: 'x.conf', type: 'block-device' }]), /not a regular file/],
  ['a character device', () => tarGzOf([{ name: 'x.conf', type: 'character-device' }]), /not a regular file/],
  ['a hidden name', () => tarGzOf([file('.htaccess')]), /not a plain name/],
  ['a name that is an option', () => tarGzOf([file('-rf.conf')]), /not a plain name/],
  ['a name with a space', () => tarGzOf([file('a b.conf')]), /not a regular file with a plain name/],
  ['a name with a line end', () => tarGzOf([file('a\nb.conf')]), /not a plain name/],
  ['a name with a quote', () => tarGzOf([file(`a'"$(id).conf`)]), /not a plain name/],
  ['a name that is not ASCII', () => tarGzOf([file('設定.conf')]), /not a plain name/],
  ['a long name', () => tarGzOf([file(`${'a'.repeat(200)}.conf`)]), /not a plain name/],
  ['a file twice', () => tarGzOf([file('a.conf'), file('a.conf')]), /a file twice/],
  [
    'thousands of files',
    () => tarGzOf(Array.from({ length: 3000 }, (_, i) => file(`a${i}.conf`))),
    /more than 500 entries/,
  ],
  [
    'one file that is too large',
    () => tarGzOf([{ name: 'a.conf', body: Buffer.alloc(9 << 20) }]),
    /more than 8388608 bytes unpacked/,
  ],
  ['a bomb', () => gzipSync(Buffer.alloc(400 << 20), { level: 9 }), /no entries/],
  [
    'a bomb behind a file',
    async () =>
      gzipSync(
        Buffer.concat([
          (await tarOf([file('a.conf')])).subarray(0, -1024),
          await tarOf([{ name: 'b.conf', body: Buffer.alloc(300 << 20) }]),
        ]),
        { level: 9 },
      ),
    /more than 8388608 bytes unpacked/,
  ],
  [
    'a size that is a lie',
    async () => {
      const tar = await tarOf([file('a.conf')])
      tar.write('77777777777\0', 124, 'latin1')
      // The sum of the header, with its own field as spaces.
      tar.write(' '.repeat(8), 148, 'latin1')
      const sum = tar.subarray(0, 512).reduce((all, byte) => all + byte, 0)
      tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
      return gzipSync(tar)
    },
    /more than 8388608 bytes unpacked/,
  ],
  [
    'half a tar',
    async () => gzipSync((await tarOf([file('a.conf'), { name: 'b.conf', body: 'x'.repeat(5000) }])).subarray(0, 3000)),
    /Unexpected EOF/,
  ],
  ['no tar', () => gzipSync('sekisho'.repeat(1000)), /does not look like a tar/],
  [
    'no gzip',
    () => Buffer.from('<!DOCTYPE html><html></html>'),
    /no entries|does not look like a tar|not a regular file/,
  ],
  ['nothing in it', () => tarGzOf([]), /no entries/],
]
for (const [what, packed, detail] of hostile)
  t.test(`sekisho-rules places no bundle with ${what}, says why, and asks for it once`, async (t) => {
    const bad = packedBundle(await packed())
    const { length } = service.downloads()
    service.publish(bad)
    await until('the outcome to be told', () => outcome()['wanted'] === bad.generation, 30)
    t.match(outcome(), {
      generation: served.generation,
      wanted: bad.generation,
      state: 'failed',
      reason: 'BundleInvalid',
      detail,
    })
    t.strictSame(updater.sets(), [served.generation])
    t.equal(updater.wanted(), served.generation)
    t.strictSame(updater.left(), [])
    t.notOk(updater.kicks.includes(bad.generation))
    const seen = service.current().length
    await until('another poll', () => service.current().length > seen)
    t.equal(service.downloads().length, length + 1)
  })

t.test('sekisho-rules forgets what it could not place once it is not wanted any more', async (t) => {
  service.publish(served)
  await until('it to be forgotten', () => outcome()['state'] === 'active' && last().status === 304)
  t.match(outcome(), { wanted: served.generation, reason: 'Active' })
})

const announced: [what: string, change: (bundle: Bundle) => Partial<Bundle>, reason: string, detail: RegExp][] = [
  ['a wrong sum', () => ({ sha256: 'a'.repeat(64) }), 'BundleInvalid', /announced were \d+ with a{64}/],
  ['more bytes than announced', ({ bytes }) => ({ bytes: bytes - 1 }), 'BundleInvalid', /more came than the \d+ bytes/],
  ['fewer bytes than announced', ({ bytes }) => ({ bytes: bytes + 1 }), 'BundleInvalid', /announced were/],
  ['more bytes than a bundle may have', () => ({ bytes: 999_999_999 }), 'BundleInvalid', /more than 4194304/],
]
for (const [what, change, reason, detail] of announced)
  t.test(`sekisho-rules places no bundle with ${what}, and the right one afterwards`, async (t) => {
    const right = await good()
    service.publish({ ...right, ...change(right) })
    await until('the outcome to be told', () => outcome()['wanted'] === right.generation, 30)
    t.match(outcome(), { state: 'failed', reason, detail, generation: served.generation })
    t.notOk(updater.sets().includes(right.generation))
    const other = await good()
    service.publish(other)
    await until('the next one', () => last().status === 304 && outcome()['generation'] === other.generation, 120)
    service.publish(served)
    await until('the first again', () => last().status === 304 && outcome()['generation'] === served.generation, 120)
  })

t.test('sekisho-rules takes no bundle that ends in the middle, is slow, or is not there', async (t) => {
  const right = await good()
  for (const fault of ['cut', 'refused'] as const) {
    service.faults.push([
      /bundles/,
      (_, response) => {
        if (fault === 'refused')
          response.writeHead(404, { 'content-type': 'application/json' }).end('{"reason":"NotFound"}')
        else
          response
            .writeHead(200, { 'content-length': right.bytes })
            .write(right.packed.subarray(0, 40), () => response.destroy())
      },
    ])
    service.publish(right)
    const { length } = service.downloads()
    await until('two tries', () => service.downloads().length >= length + 2, 120)
    t.notOk(updater.sets().includes(right.generation))
    t.equal(updater.wanted(), served.generation)
    service.faults.length = 0
  }
  await until('the whole one', () => last().status === 304 && outcome()['generation'] === right.generation, 120)
  service.publish(served)
  await until('the first again', () => last().status === 304 && outcome()['generation'] === served.generation)
})

t.test('sekisho-rules asks the WAF once for a set that it refuses, and tells its reason', async (t) => {
  const bad = await good()
  updater.waf.answer = (line) =>
    line === bad.generation
      ? updater.say({
          wanted: line,
          state: 'failed',
          reason: 'RuleCountDiffers',
          detail: 'The engine loaded another number of rules.',
        })
      : updater.serveAll(line)
  service.publish(bad)
  await until('the refusal to be told', () => outcome()['wanted'] === bad.generation && outcome()['state'] === 'failed')
  t.match(outcome(), { generation: served.generation, reason: 'RuleCountDiffers', detail: /another number of rules/ })
  await sleep(6000)
  t.equal(updater.kicks.filter((line) => line === bad.generation).length, 1)
  t.equal(service.downloads().filter(({ path }) => path.endsWith(bad.generation)).length, 1)
  t.equal(last().status, 200, 'the service goes on wanting it')
  const better = await good()
  service.publish(better)
  await until('the next one', () => last().status === 304 && outcome()['generation'] === better.generation)
  t.match(outcome(), { state: 'active' })
  service.publish(served)
  await until('the first again', () => last().status === 304 && outcome()['generation'] === served.generation)
})

t.test('sekisho-rules fetches a set anew that was damaged on the disk, once', async (t) => {
  await updater.container.stop()
  updater.waf.answer = (line) =>
    line === served.generation && existsSync(join(updater.run, 'rulesets', line, 'damaged'))
      ? updater.say({ generation: '', wanted: line, state: 'failed', reason: 'FilesUnlisted', detail: '' })
      : updater.serveAll(line)
  execFileSync('touch', [join(updater.run, 'rulesets', served.generation, 'damaged')])
  updater.say({ generation: '', wanted: served.generation, state: 'failed', reason: 'FilesUnlisted', detail: '' })
  const { length } = service.downloads()
  await updater.restart()
  await until('another download', () => service.downloads().length > length)
  await until('it to be whole again', () => last().status === 304 && outcome()['generation'] === served.generation)
  t.equal(service.downloads().length, length + 1)
  updater.waf.answer = updater.serveAll
})

t.test('sekisho-rules keeps at most four sets, however many come', async (t) => {
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, updater.sets().filter((name) => !name.startsWith('.')).length)
  }, 20)
  for (let i = 0; i < 6; i++) {
    const next = await good()
    service.publish(next)
    await until('it', () => outcome()['generation'] === next.generation)
  }
  clearInterval(watch)
  t.comment(`${most} sets at most`)
  t.ok(most <= 4)
  service.publish(served)
  await until('the first again', () => last().status === 304 && outcome()['generation'] === served.generation)
})

t.test('sekisho-rules polls on while the volume is full, says so, and places the set when there is room', async (t) => {
  const next = packedBundle(
    await tarGzOf([{ name: 'REQUEST-901-X.conf', body: 'SecAction "id:1"\n'.repeat(20_000) }, manifest()]),
  )
  const full = join(updater.run, 'full')
  execFileSync('sh', ['-c', 'cat /dev/zero > "$0" 2> /dev/null || true', full])
  service.publish(next)
  await until(
    'the reason to be told',
    () => outcome()['wanted'] === next.generation && outcome()['reason'] === 'CannotWrite',
    60,
  )
  t.match(outcome(), { state: 'failed', generation: served.generation })
  t.equal(updater.wanted(), served.generation)
  t.notOk(updater.sets().includes(next.generation))
  service.order({ mode: 'detect', sequence: 5 })
  const seen = service.current().length
  await until('another poll', () => service.current().length > seen, 120)
  rmSync(full)
  await until('the new set', () => last().status === 304 && outcome()['generation'] === next.generation, 180)
  t.match(updater.read('orders'), /sequence 5/)
  t.strictSame(updater.left(), [])
})
