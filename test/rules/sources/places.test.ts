/** Rules without a network: a directory, a mounted ConfigMap, a ConfigMap through the API. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { contentAddress, ruleFiles } from '../../../src/rules/archive/files.ts'
import { crsArchive, crsFiles } from '../crs-files.ts'
import { startWorld } from './world.ts'

const folder = async (t: Test) => {
  const world = await startWorld(t)
  const path = mkdtempSync(join(tmpdir(), 'sekisho-test-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  const write = (name: string, bytes: string | Uint8Array) => {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), bytes)
  }
  const put = async (version: string) => {
    const archive = await crsArchive({ version })
    const name = `coreruleset-${version}-minimal.tar.gz`
    write(name, archive)
    write(`${name}.asc`, await world.sign(archive))
  }
  return { ...world, path, write, put, crs: { from: 'directory', directory: { path } } }
}

t.test('directory() takes a signed archive, and of several the one that the line names', async (t) => {
  const { fetch, put, crs, upstream } = await folder(t)
  await put('4.25.0')
  const first = await fetch({ crs })
  if (first.status !== 'new') throw new Error(first.detail)
  t.match(first.release, { version: '4.25.0', archive: { bytes: Buffer, signature: Buffer } })
  t.match(await fetch({ crs, known: first.known }), { status: 'unchanged', reason: 'SameRelease' })
  for (const version of ['4.28.0', '3.3.10', '4.25.1']) await put(version)
  t.match(await fetch({ crs, known: first.known }), { status: 'new', release: { version: '4.25.1' } })
  t.match(await fetch({ crs: { ...crs, line: 'latest' } }), { status: 'new', release: { version: '4.28.0' } })
  t.match(await fetch({ crs: { ...crs, line: '4.25.0' } }), { status: 'new', release: { version: '4.25.0' } })
  t.match(await fetch({ crs: { ...crs, line: '4.26' } }), {
    status: 'refused',
    reason: 'NoRelease',
    detail: /4 archives are there/,
  })
  t.same(upstream.requests, [], 'no network')
})

t.test('directory() takes unpacked rules only where they need no signature, or by their content address', async (t) => {
  const { fetch, write, crs } = await folder(t)
  const files = crsFiles({ version: '4.25.1' })
  for (const [name, text] of Object.entries(files)) write(name, text)
  t.match(await fetch({ crs }), { status: 'refused', reason: 'Unsigned' })
  t.match(await fetch({ crs: { ...crs, verify: 'none' } }), {
    status: 'new',
    release: { version: '4.25.1', archive: undefined },
  })
  const content = contentAddress(
    ruleFiles(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)] as const)),
  )
  t.match(await fetch({ crs: { ...crs, verify: 'sha256', sha256: content } }), {
    status: 'new',
    release: { content, sha256: content },
  })
  write('rules/sql-errors.data', 'changed\n')
  t.match(await fetch({ crs: { ...crs, verify: 'sha256', sha256: content } }), {
    status: 'refused',
    reason: 'WrongDigest',
  })
})

t.test('contentAddress() is what the shell line in the docs prints', async (t) => {
  const { write, path } = await folder(t)
  const files = crsFiles({ version: '4.25.1' })
  for (const [name, text] of Object.entries(files)) write(name, text)
  const line = 'find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum'
  const [printed] = execFileSync('sh', ['-c', line], { cwd: path, encoding: 'utf8' }).split(' ')
  t.equal(
    contentAddress(ruleFiles(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)] as const))),
    printed,
  )
})

t.test(
  'directory() reads a mounted ConfigMap through the link that the kubelet switches, and no other link',
  async (t) => {
    const { fetch, write, path, crs, sign } = await folder(t)
    const mount = async (version: string) => {
      const archive = await crsArchive({ version })
      write(`..${version}/crs.tar.gz`, archive)
      write(`..${version}/crs.tar.gz.asc`, await sign(archive))
      symlinkSync(`..${version}`, join(path, '..data_tmp'))
      renameSync(join(path, '..data_tmp'), join(path, '..data'))
    }
    await mount('4.25.0')
    for (const name of ['crs.tar.gz', 'crs.tar.gz.asc']) symlinkSync(join('..data', name), join(path, name))
    t.match(await fetch({ crs }), { status: 'new', release: { version: '4.25.0' } })
    await mount('4.25.1')
    t.match(await fetch({ crs }), { status: 'new', release: { version: '4.25.1' } })
    const outside = await folder(t)
    await outside.put('4.25.1')
    rmSync(join(path, '..data'))
    symlinkSync(outside.path, join(path, '..data'))
    t.match(await fetch({ crs }), { status: 'refused', reason: 'LinkInside' }, 'a ..data that leads out is as any link')
  },
)

t.test('directory() refuses what is no plain folder of rules', async (t) => {
  const { fetch, write, path, crs } = await folder(t)
  t.match(await fetch({ crs }), { reason: 'PlaceEmpty' })
  t.match(await fetch({ crs: { from: 'directory', directory: { path: join(path, 'absent') } } }), {
    reason: 'PlaceUnreadable',
    detail: /ENOENT/,
  })
  write('README.md', 'Put rules here.')
  t.match(await fetch({ crs }), { reason: 'PlaceEmpty', detail: /1 files are there, none of them rules/ })
  write('rules/a.conf', '# half of it')
  t.match(await fetch({ crs }), { reason: 'MissingFiles' })
  symlinkSync('/etc/passwd', join(path, 'rules/b.conf'))
  t.match(await fetch({ crs }), { reason: 'LinkInside', detail: /"rules\/b.conf" is a link/ })
  rmSync(join(path, 'rules/b.conf'))
  execFileSync('mkfifo', [join(path, 'rules/c.conf')])
  t.match(await fetch({ crs }), { reason: 'SpecialFileInside' })
  rmSync(join(path, 'rules/c.conf'))
  write('rules/a\nb.conf', 'x')
  t.match(await fetch({ crs }), { reason: 'PathUnreadable' })
  rmSync(join(path, 'rules'), { recursive: true })
  write('crs.tar.gz', (await crsArchive({ version: '4.25.1' })).subarray(0, 500))
  t.match(await fetch({ crs }), { reason: 'Truncated' }, 'an archive that is still being copied, unsigned so far')
  write('crs.tar.gz', await crsArchive({ version: '4.25.1' }))
  t.match(await fetch({ crs }), { reason: 'MissingSignature' })
  t.match(await fetch({ crs, limits: { unpackedBytes: 1024 } }), { reason: 'UnpackedTooLarge' })
  for (let i = 0; i < 5; i++) write(`many/${i}`, 'x')
  t.match(await fetch({ crs, limits: { entries: 5 } }), { reason: 'TooManyEntries' })
})

t.test(
  'configMap() takes an archive from binaryData, or rule files by their names, and reads a revision once',
  async (t) => {
    const world = await startWorld(t)
    const { fetch, configMaps } = world
    const crs = { from: 'configmap', configMap: { name: 'crs' } }
    t.match(await fetch({ crs }), { reason: 'PlaceUnreadable', detail: /ConfigMap sekisho-system\/crs: there is none/ })
    const archive = await crsArchive({ version: '4.25.1' })
    const base64 = archive.toString('base64')
    configMaps.set('sekisho-system/crs', {
      resourceVersion: '1',
      binaryData: { 'crs.tar.gz': base64 },
      data: { 'crs.tar.gz.asc': await world.sign(archive) },
    })
    const first = await fetch({ crs })
    if (first.status !== 'new') throw new Error(first.detail)
    t.equal(first.release.version, '4.25.1')
    t.match(await fetch({ crs, known: first.known }), { status: 'unchanged', reason: 'NotModified' })

    const byName = Object.entries(crsFiles({ version: '4.25.1' })).map(([path, text]) => [
      path.replace(/^.*\//, ''),
      text,
    ])
    configMaps.set('sekisho-system/crs', { resourceVersion: '2', data: Object.fromEntries(byName) })
    t.match(await fetch({ crs, known: first.known }), { status: 'refused', reason: 'Unsigned' })
    const open = await fetch({ crs: { ...crs, verify: 'none' } })
    t.match(open, { status: 'new', release: { version: '4.25.1' } })
    configMaps.set('sekisho-system/crs', { resourceVersion: '3' })
    t.match(await fetch({ crs }), { reason: 'PlaceEmpty' })
  },
)
