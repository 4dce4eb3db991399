/** One archive at one address: commercial rules, a mirror, IDS rules. */
import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import type { Known } from '../../../src/rules/sources/source.ts'
import { tarGzOf } from '../archive/pack.ts'
import { crsArchive, idsArchive } from '../crs-files.ts'
import { newSigner, signed } from './signing.ts'
import { startWorld } from './world.ts'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

const mirror = async (t: Test) => {
  const world = await startWorld(t)
  const archive = await crsArchive({ version: '4.25.1' })
  const place = async (path: string, bytes: Uint8Array) => {
    world.upstream.files.set(path, bytes)
    world.upstream.files.set(`${path}.asc`, Buffer.from(await world.sign(bytes)))
  }
  await place('/mirror/crs.tar.gz', archive)
  const at = (path: string, more: object = {}) => ({
    from: 'archive',
    archive: { address: `${world.upstream.address}${path}`, ...more },
  })
  return { ...world, archive, at, place }
}

t.test('httpsArchive() takes a signed archive from a mirror, and asks with If-None-Match from then on', async (t) => {
  const { fetch, at, upstream, place } = await mirror(t)
  const crs = at('/mirror/crs.tar.gz')
  const first = await fetch({ crs })
  if (first.status !== 'new') throw new Error(first.detail)
  t.match(first.release, { kind: 'crs', version: '4.25.1', line: '4.25' })
  const known = JSON.parse(JSON.stringify(first.known)) as Known
  upstream.requests.length = 0
  t.match(await fetch({ crs, known }), { status: 'unchanged', reason: 'NotModified' })
  t.same(upstream.requests, ['GET /mirror/crs.tar.gz 304'])
  t.match(
    await fetch({ crs: { ...crs, line: '4.22' }, known }),
    { status: 'refused', reason: 'WrongLine', detail: /4.25.1 is not on the line 4.22/ },
    'another line is another question',
  )

  await place('/mirror/crs.tar.gz', await crsArchive({ version: '4.25.0' }))
  t.match(await fetch({ crs, known }), { status: 'refused', reason: 'OlderThanCurrent' })
  await place('/mirror/crs.tar.gz', await crsArchive({ version: '4.28.0' }))
  t.match(await fetch({ crs, known }), { status: 'refused', reason: 'WrongLine' })
  await place('/mirror/crs.tar.gz', await crsArchive({ version: '4.25.2' }))
  t.match(await fetch({ crs, known }), { status: 'new', release: { version: '4.25.2' } })
})

t.test('httpsArchive() does not take the same rules, packed anew, for a release', async (t) => {
  const { fetch, at, place } = await mirror(t)
  const crs = at('/mirror/crs.tar.gz')
  const first = await fetch({ crs })
  if (first.status !== 'new') throw new Error(first.detail)
  await place('/mirror/crs.tar.gz', await crsArchive({ version: '4.25.1', folder: 'packed-anew' }))
  const again = await fetch({ crs, known: first.known })
  t.match(again, { status: 'unchanged', reason: 'SameRelease' })
  if (again.status !== 'unchanged') throw new Error(again.detail)
  t.not(again.known.sha256, first.known.sha256)
  t.equal(again.known.content, first.known.content)
})

t.test(
  'httpsArchive() fills in the version that is pinned, and takes the signature from where it is said to be',
  async (t) => {
    const { fetch, at, upstream, archive, sign } = await mirror(t)
    upstream.files.set('/v/coreruleset-4.25.1.tar.gz', archive)
    upstream.files.set('/signatures/4.25.1', Buffer.from(await sign(archive)))
    const crs = {
      ...at('/v/coreruleset-{version}.tar.gz', { signatureAddress: `${upstream.address}/signatures/{version}` }),
      line: '4.25.1',
    }
    t.match(await fetch({ crs }), { status: 'new', release: { version: '4.25.1' } })
    t.same(upstream.requests, ['GET /v/coreruleset-4.25.1.tar.gz', 'GET /signatures/4.25.1'])
  },
)

t.test('httpsArchive() keeps a token out of whatever people read, in the address or in a header', async (t) => {
  const { fetch, at, upstream, archive, sign, files } = await mirror(t)
  files.set('/token', 't0ken/with?signs\n')
  upstream.files.set('/t0ken%2Fwith%3Fsigns/crs.tar.gz', archive)
  upstream.files.set('/t0ken%2Fwith%3Fsigns/crs.tar.gz.asc', Buffer.from(await sign(archive)))
  const inAddress = at('/{token}/crs.tar.gz', { tokenFile: '/token' })
  const taken = await fetch({ crs: inAddress })
  t.match(taken, { status: 'new' })
  t.equal(upstream.headers[0]?.authorization, undefined)
  upstream.files.clear()
  const missing = await fetch({ crs: inAddress })
  t.match(missing, { status: 'refused', reason: 'NotFound', detail: /\/\{token\}\/crs.tar.gz: answered 404/ })
  for (const said of [JSON.stringify(missing), taken.detail, JSON.stringify('known' in taken && taken.known)])
    t.notMatch(said, /t0ken/)

  upstream.headers.length = 0
  t.match(await fetch({ crs: at('/mirror/crs.tar.gz', { tokenFile: '/token' }) }), { reason: 'NotFound' })
  t.equal(upstream.headers[0]?.authorization, 'Bearer t0ken/with?signs')
  t.match(await fetch({ crs: at('/mirror/crs.tar.gz', { tokenFile: '/absent' }) }), {
    reason: 'Unauthorized',
    detail: /\/absent: ENOENT/,
  })
})

t.test('httpsArchive() takes an unsigned archive by its sha256, and then asks no more', async (t) => {
  const { fetch, at, upstream, archive } = await mirror(t)
  upstream.files.delete('/mirror/crs.tar.gz.asc')
  const crs = { ...at('/mirror/crs.tar.gz'), verify: 'sha256', sha256: sha256(archive) }
  const first = await fetch({ crs })
  if (first.status !== 'new') throw new Error(first.detail)
  t.equal(first.release.signedBy, undefined)
  upstream.requests.length = 0
  t.match(await fetch({ crs, known: first.known }), { status: 'unchanged', reason: 'SameRelease' })
  t.same(upstream.requests, [])
  t.match(await fetch({ crs: { ...crs, sha256: '0'.repeat(64) }, known: first.known }), {
    status: 'refused',
    reason: 'WrongDigest',
    detail: new RegExp(sha256(archive)),
  })
})

t.test('httpsArchive() refuses, each with its own reason', async (t) => {
  const { fetch, at, upstream, archive } = await mirror(t)
  const crs = at('/mirror/crs.tar.gz')
  const serve = (bytes: Uint8Array) => upstream.files.set('/mirror/crs.tar.gz', bytes)
  serve(archive.subarray(0, 300))
  t.match(await fetch({ crs }), { reason: 'Truncated' })
  t.match(
    await fetch({ crs: { ...crs, verify: 'sha256', sha256: 'a'.repeat(64) } }),
    { reason: 'Truncated' },
    'of an archive with a pinned hash too',
  )
  serve(Buffer.from('<!DOCTYPE html>'))
  t.match(await fetch({ crs }), { reason: 'HtmlInsteadOfArchive' }, 'by its bytes')
  upstream.faults.push([
    /crs.tar.gz$/,
    (_, response) => void response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(archive),
  ])
  t.match(await fetch({ crs }), { reason: 'HtmlInsteadOfArchive' }, 'by its type')
  upstream.faults.length = 0
  serve(archive)
  upstream.files.set('/mirror/crs.tar.gz.asc', Buffer.from(await signed(archive, await newSigner())))
  t.match(await fetch({ crs }), { reason: 'WrongKey' })
  upstream.files.delete('/mirror/crs.tar.gz.asc')
  t.match(await fetch({ crs }), { reason: 'MissingSignature' })
  t.match(await fetch({ crs: at('/no-such-file') }), { reason: 'NotFound' })
})

t.test('httpsArchive() takes IDS rules, counted, and compared with the set before', async (t) => {
  const { fetch, at, upstream } = await mirror(t)
  const ids = { ...at('/open/emerging.rules.tar.gz'), minimumRules: 50, shrinkPercent: 20 }
  const serve = async (rules: number, mark?: string) =>
    void upstream.files.set('/open/emerging.rules.tar.gz', await idsArchive(rules, mark))
  await serve(100)
  const first = await fetch({ of: 'ids', ids })
  if (first.status !== 'new') throw new Error(first.detail)
  t.match(first.release, { kind: 'ids', line: 'ids', rules: 100, version: /^content-[0-9a-f]{12}$/ })
  t.same(
    [...first.release.files.keys()],
    ['rules/LICENSE', 'rules/classification.config', 'rules/emerging-off.rules', 'rules/emerging-test.rules'],
  )
  const { known } = first
  t.match(await fetch({ of: 'ids', ids, known }), { status: 'unchanged', reason: 'NotModified' })
  await serve(80)
  t.match(await fetch({ of: 'ids', ids, known }), { status: 'new', release: { rules: 80 } })
  await serve(79)
  t.match(await fetch({ of: 'ids', ids, known }), {
    status: 'refused',
    reason: 'ShrunkTooMuch',
    detail: /79 rules are in it, the current set has 100: at least 80/,
  })
  t.match(await fetch({ of: 'ids', ids: { ...ids, shrinkPercent: 30 }, known }), { status: 'new' })
  await serve(49)
  t.match(await fetch({ of: 'ids', ids }), {
    status: 'refused',
    reason: 'TooFewRules',
    detail: /49 rules are in it, at least 50/,
  })
  upstream.files.set('/open/emerging.rules.tar.gz', await tarGzOf([{ name: 'rules/x.txt', body: 'x' }]))
  t.match(await fetch({ of: 'ids', ids }), { status: 'refused', reason: 'MissingFiles' })
})
