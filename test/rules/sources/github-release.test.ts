/** The CRS from an upstream that is as GitHub is, and from one where something is wrong: each refused with its own reason. */
import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { revokeKey } from 'openpgp'
import t, { type Test } from 'tap'
import type { RefusalCode } from '../../../src/rules/sources/refusals.ts'
import type { Known } from '../../../src/rules/sources/source.ts'
import { tarGzOf } from '../archive/pack.ts'
import { crsArchive } from '../crs-files.ts'
import { newSigner, signed } from './signing.ts'
import { startWorld, type World } from './world.ts'

const DAY = 86_400_000
const DOWNLOAD = '/coreruleset/coreruleset/releases/download'
const html = (status: number) => (_: unknown, response: ServerResponse) =>
  response.writeHead(status, { 'content-type': 'text/html' }).end('<html>maintenance</html>')

/** A world that offers 4.25.1, well signed. */
const worldWith = async (t: Test, version = '4.25.1') => {
  const world = await startWorld(t)
  const archive = await crsArchive({ version })
  world.upstream.publish(version, archive, await world.sign(archive))
  return { ...world, archive }
}

t.test('githubRelease() hands over the newest release of the line, verified and unpacked', async (t) => {
  const world = await worldWith(t)
  for (const version of ['4.28.0', '3.3.10']) {
    const archive = await crsArchive({ version })
    world.upstream.publish(version, archive, await world.sign(archive))
  }
  const fetched = await world.fetch()
  if (fetched.status !== 'new') throw new Error(fetched.detail)
  t.match(fetched.release, {
    kind: 'crs',
    version: '4.25.1',
    line: '4.25',
    rules: 123,
    signedBy: world.signer.fingerprint,
  })
  t.ok(fetched.release.files.has('rules/REQUEST-901-INITIALIZATION.conf'))
  t.same(Buffer.from(fetched.release.archive!.bytes), world.archive, 'the archive itself is handed over for keeping')
  t.ok(fetched.release.archive?.signature)
  t.same(world.upstream.requests, [
    'GET /repos/coreruleset/coreruleset/releases?per_page=100',
    `GET ${DOWNLOAD}/v4.25.1/coreruleset-4.25.1-minimal.tar.gz.asc`,
    `GET /storage${DOWNLOAD}/v4.25.1/coreruleset-4.25.1-minimal.tar.gz.asc?sig=storage-secret`,
    `GET ${DOWNLOAD}/v4.25.1/coreruleset-4.25.1-minimal.tar.gz`,
    `GET /storage${DOWNLOAD}/v4.25.1/coreruleset-4.25.1-minimal.tar.gz?sig=storage-secret`,
  ])
})

t.test('githubRelease() asks one cheap question while nothing changes, and takes the next release', async (t) => {
  const world = await worldWith(t, '4.25.0')
  const first = await world.fetch()
  if (first.status !== 'new') throw new Error(first.detail)
  const known = JSON.parse(JSON.stringify(first.known)) as Known
  world.upstream.requests.length = 0
  t.match(await world.fetch({ known }), { status: 'unchanged', reason: 'NotModified', known })
  t.same(world.upstream.requests, ['GET /repos/coreruleset/coreruleset/releases?per_page=100 304'])

  const other = await crsArchive({ version: '4.28.0' })
  world.upstream.publish('4.28.0', other, await world.sign(other))
  const same = await world.fetch({ known })
  t.match(same, { status: 'unchanged', reason: 'SameRelease', known: { version: '4.25.0' } }, 'another line moved')
  if (same.status !== 'unchanged') throw new Error(same.detail)
  t.match(await world.fetch({ known: same.known }), { reason: 'NotModified' }, 'with the new ETag')
  t.match(
    await world.fetch({ known: same.known, crs: { line: 'latest' } }),
    { status: 'new', release: { version: '4.28.0' } },
    'another line is another question',
  )

  const next = await crsArchive({ version: '4.25.1' })
  world.upstream.publish('4.25.1', next, await world.sign(next))
  t.match(await world.fetch({ known: same.known }), { status: 'new', release: { version: '4.25.1' } })
})

t.test('githubRelease() is not lulled by a 304 while an archive is still missing', async (t) => {
  const world = await worldWith(t, '4.25.0')
  const first = await world.fetch()
  if (first.status !== 'new') throw new Error(first.detail)
  const { known } = first
  const next = await crsArchive({ version: '4.25.1' })
  world.upstream.publish('4.25.1', next, await world.sign(next))
  const path = `${DOWNLOAD}/v4.25.1/coreruleset-4.25.1-minimal.tar.gz`
  world.upstream.files.delete(path)
  t.match(await world.fetch({ known }), { status: 'refused', reason: 'MissingAsset' })
  t.match(await world.fetch({ known }), { status: 'refused', reason: 'MissingAsset' }, 'and again, for the same list')
  world.upstream.files.set(path, next)
  t.match(await world.fetch({ known }), { status: 'new', release: { version: '4.25.1' } })
})

t.test('githubRelease() takes a pinned version by its own entry, older or not', async (t) => {
  const world = await worldWith(t, '4.22.0')
  const known: Known = { version: '4.25.1', sha256: 'x', content: 'x', rules: 123 }
  t.match(await world.fetch({ known, crs: { line: '4.22.0' } }), { status: 'new', release: { version: '4.22.0' } })
  t.equal(world.upstream.requests[0], 'GET /repos/coreruleset/coreruleset/releases/tags/v4.22.0')
  t.match(await world.fetch({ crs: { line: '4.22.9' } }), { status: 'refused', reason: 'NoRelease' })
})

t.test('githubRelease() downloads nothing that is older than what is known', async (t) => {
  const world = await worldWith(t)
  const known: Known = { version: '4.25.2', sha256: 'x', content: 'x', rules: 123 }
  t.match(await world.fetch({ known }), { status: 'refused', reason: 'OlderThanCurrent' })
  t.equal(world.upstream.requests.length, 1, 'the list alone')
})

t.test('githubRelease() looks on further pages for a line that is not on the first', async (t) => {
  const world = await worldWith(t)
  for (let i = 0; i < 150; i++) world.upstream.listed.unshift({ tag_name: `v3.3.${i}` })
  t.match(await world.fetch(), { status: 'new', release: { version: '4.25.1' } })
  t.match(world.upstream.requests.slice(0, 2), [/per_page=100$/, /per_page=100&page=2$/])
})

t.test(
  'githubRelease() takes a signature by an RSA key, as upstream has one, and an archive by its pinned sha256',
  async (t) => {
    const world = await worldWith(t)
    const rsa = await newSigner({ rsa: true })
    world.upstream.listed.length = 0
    world.upstream.publish('4.25.2', world.archive, await signed(world.archive, rsa))
    const trusted = { line: '4.25.2', keyFile: '/rsa.asc', fingerprints: [rsa.fingerprint] }
    world.files.set('/rsa.asc', rsa.publicText)
    t.match(
      await world.fetch({ crs: trusted }),
      { status: 'refused', reason: 'WrongVersion' },
      'the key is right, the name is not',
    )
    const archive = await crsArchive({ version: '4.25.2' })
    world.upstream.publish('4.25.2', archive, await signed(archive, rsa))
    t.match(await world.fetch({ crs: trusted }), { status: 'new', release: { signedBy: rsa.fingerprint } })
    const pinned = { line: '4.25.2', verify: 'sha256', sha256: createHash('sha256').update(archive).digest('hex') }
    t.match(await world.fetch({ crs: pinned }), { status: 'new', release: { version: '4.25.2' } })
    t.match(await world.fetch({ crs: { ...pinned, sha256: 'f'.repeat(64) } }), {
      status: 'refused',
      reason: 'WrongDigest',
    })
  },
)

type Options = Parameters<World['fetch']>[0]
interface Wrong {
  readonly reason: RefusalCode
  readonly detail: RegExp
  /** Makes it wrong; may return how it is asked for (`Options`). */
  spoil(world: World & { archive: Buffer }): unknown
}
const at = (version: string) => `${DOWNLOAD}/v${version}/coreruleset-${version}-minimal.tar.gz`
const republish = async (world: World, archive: Uint8Array, signature?: string) => {
  world.upstream.listed.length = 0
  world.upstream.publish('4.25.1', archive, signature ?? (await world.sign(archive)))
}

const WRONG: Record<string, Wrong> = {
  'signed with another key': {
    reason: 'WrongKey',
    detail: /Signed by the key [0-9A-F]{16}/,
    spoil: async (world) => republish(world, world.archive, await signed(world.archive, await newSigner())),
  },
  'another key that is in the key file too': {
    reason: 'WrongKey',
    detail: /Signed by the key/,
    async spoil(world) {
      const other = await newSigner()
      world.files.set('/keys.asc', `${world.signer.publicText}\n${other.publicText}`)
      await republish(world, world.archive, await signed(world.archive, other))
    },
  },
  'a key that has expired since': {
    reason: 'KeyExpired',
    detail: /expired on \d{4}-\d\d-\d\d/,
    async spoil(world) {
      const short = await newSigner({ daysAgo: 10, validDays: 5 })
      world.files.set('/short.asc', short.publicText)
      await republish(world, world.archive, await signed(world.archive, short, new Date(Date.now() - 7 * DAY)))
      return { crs: { keyFile: '/short.asc', fingerprints: [short.fingerprint] } }
    },
  },
  'a key that was revoked': {
    reason: 'KeyRevoked',
    detail: /is revoked/,
    async spoil(world) {
      const { publicKey } = await revokeKey({ key: world.signer.privateKey, format: 'object' })
      world.files.set('/keys.asc', publicKey.armor())
    },
  },
  'a signature from the future': {
    reason: 'BadSignature',
    detail: /future/,
    spoil: async (world) =>
      republish(world, world.archive, await signed(world.archive, world.signer, new Date(Date.now() + DAY))),
  },
  'no key at all': {
    reason: 'NoKey',
    detail: /wanted 3600 6F0E 0BA1/,
    spoil: () => ({ crs: { keyFile: '', fingerprints: undefined } }),
  },
  'a key file that is not there': {
    reason: 'NoKey',
    detail: /\/absent.asc: ENOENT/,
    spoil: () => ({ crs: { keyFile: '/absent.asc' } }),
  },
  'a key file with another key': {
    reason: 'NoKey',
    detail: /The key given is .{49}; wanted 3600 6F0E/,
    spoil: () => ({ crs: { fingerprints: ['3600 6F0E 0BA1 6783 2158 8211 38EE ACA1 AB8A 6E72'] } }),
  },
  'a key file that is none': {
    reason: 'NoKey',
    detail: /not an armoured/,
    spoil: (world) => void world.files.set('/keys.asc', 'hello'),
  },
  'a changed archive': {
    reason: 'BadSignature',
    detail: /OpenPGP says/,
    spoil: async (world) =>
      republish(world, await crsArchive({ version: '4.25.1', mark: 'evil' }), await world.sign(world.archive)),
  },
  'a signature of nothing': {
    reason: 'SignatureUnreadable',
    detail: /no OpenPGP signature/,
    spoil: (world) => void world.upstream.files.set(`${at('4.25.1')}.asc`, Buffer.from('<html>not here</html>')),
  },
  'an armour that holds no signature': {
    reason: 'SignatureUnreadable',
    detail: /no OpenPGP signature/,
    spoil: (world) => void world.upstream.files.set(`${at('4.25.1')}.asc`, Buffer.from(world.signer.publicText)),
  },
  'no signature listed': {
    reason: 'MissingSignature',
    detail: /v4.25.1 has no coreruleset-4.25.1-minimal.tar.gz.asc/,
    spoil(world) {
      world.upstream.listed.length = 0
      world.upstream.publish('4.25.1', world.archive)
    },
  },
  'a signature listed and not there': {
    reason: 'MissingSignature',
    detail: /answered 404/,
    spoil: (world) => void world.upstream.files.delete(`${at('4.25.1')}.asc`),
  },
  'a tag without an archive': {
    reason: 'MissingAsset',
    detail: /v4.25.1 has no/,
    spoil: (world) => void world.upstream.listed.splice(0, 1, { tag_name: 'v4.25.1', assets: [] }),
  },
  'no release on the line': {
    reason: 'NoRelease',
    detail: /lines offered: 4.25/,
    spoil: () => ({ crs: { line: '4.99' } }),
  },
  'an older release than the current one': {
    reason: 'OlderThanCurrent',
    detail: /4.25.1 is offered, 4.25.2 is current/,
    spoil: () => ({ known: { version: '4.25.2', sha256: '', content: '', rules: 1 } }),
  },
  'an old release under a new name': {
    reason: 'WrongVersion',
    detail: /Asked for 4.25.1, inside is 4.25.0/,
    spoil: async (world) => republish(world, await crsArchive({ version: '4.25.0' })),
  },
  'another line under the name of this one': {
    reason: 'WrongVersion',
    detail: /inside is 4.28.0/,
    spoil: async (world) => republish(world, await crsArchive({ version: '4.28.0' })),
  },
  'rules of two versions': {
    reason: 'VersionUnclear',
    detail: /"4.22.0", "4.25.1"/,
    spoil: async (world) => republish(world, await crsArchive({ version: '4.25.1', inside: '4.22.0' })),
  },
  'hardly any rule': {
    reason: 'TooFewRules',
    detail: /8 rules are in it/,
    spoil: async (world) => republish(world, await crsArchive({ version: '4.25.1', rules: 5 })),
  },
  'far fewer rules than before': {
    reason: 'ShrunkTooMuch',
    detail: /123 rules are in it, the current set has 600/,
    spoil: () => ({ known: { version: '4.25.0', sha256: '', content: '', rules: 600 } }),
  },
  'signed, but no release': {
    reason: 'MissingFiles',
    detail: /REQUEST-901/,
    spoil: async (world) => republish(world, await tarGzOf([{ name: 'x/rules/a.conf', body: '# nothing' }])),
  },
  'a path that leads out, signed': {
    reason: 'PathEscapes',
    detail: /leads out/,
    spoil: async (world) => republish(world, await tarGzOf([{ name: '../../etc/cron.d/x', body: 'x' }])),
  },
  'a link, signed': {
    reason: 'LinkInside',
    detail: /symlink/,
    spoil: async (world) =>
      republish(world, await tarGzOf([{ name: 'rules/a.conf', type: 'symlink', linkname: '/etc/shadow' }])),
  },
  'a bomb, signed': {
    reason: 'BombRatio',
    detail: /over 1:50/,
    spoil: async (world) =>
      republish(world, await tarGzOf([{ name: 'rules/a.conf', body: Buffer.alloc(8 * 1024 * 1024) }])),
  },
  'signed garbage': {
    reason: 'NotAnArchive',
    detail: /0x6e6f2074/,
    spoil: (world) => republish(world, Buffer.from('no tar')),
  },
  'signed gzip of garbage': {
    reason: 'Corrupt',
    detail: /tar says/,
    spoil: (world) => republish(world, gzipSync('x'.repeat(2000))),
  },
  'a web page in place of the archive': {
    reason: 'HtmlInsteadOfArchive',
    detail: /web page/,
    spoil: (world) => void world.upstream.faults.push([/^\/storage.*gz\?/, html(200)]),
  },
  'an archive cut off, with a length that says so': {
    reason: 'Truncated',
    detail: /before its end/,
    spoil: (world) => void world.upstream.files.set(at('4.25.1'), world.archive.subarray(0, -40)),
  },
  'a connection cut in the middle': {
    reason: 'ConnectionCut',
    detail: /after \d+ bytes/,
    spoil: (world) =>
      void world.upstream.faults.push([
        /^\/storage.*gz\?/,
        (_, response) => {
          response.writeHead(200, { 'content-length': world.archive.length }).write(world.archive.subarray(0, 100))
          setTimeout(() => response.destroy(), 50)
        },
      ]),
  },
  'another length than listed': {
    reason: 'WrongLength',
    detail: /came with \d+ bytes, the list says/,
    spoil: async (world) =>
      void world.upstream.files.set(
        at('4.25.1'),
        await crsArchive({ version: '4.25.1', mark: 'longer by much '.repeat(9) }),
      ),
  },
  'a list that says too much': {
    reason: 'DownloadTooLarge',
    detail: /minimal.tar.gz has \d+ bytes, at most 1024/,
    spoil: () => ({ limits: { downloadBytes: 1024 } }),
  },
  'more bytes than listed': {
    reason: 'DownloadTooLarge',
    detail: /or more come, at most/,
    spoil(world) {
      world.upstream.faults.push([
        /^\/storage.*gz\?/,
        (_, response) => void response.writeHead(200).end(Buffer.alloc(100_000)),
      ])
      return { limits: { downloadBytes: 50_000 } }
    },
  },
  'a list that is a web page': {
    reason: 'ListingUnreadable',
    detail: /not JSON/,
    spoil: (world) => void world.upstream.faults.push([/^\/repos/, html(200)]),
  },
  'a list of something else': {
    reason: 'ListingUnreadable',
    detail: /0.tag_name/,
    spoil: (world) =>
      void world.upstream.faults.push([/^\/repos/, (_, response) => void response.end('[{"name":"x"}]')]),
  },
  'a fault of the API': {
    reason: 'UpstreamFault',
    detail: /answered 500/,
    spoil: (world) => void world.upstream.faults.push([/^\/repos/, html(500)]),
  },
  'a fault of the storage': {
    reason: 'UpstreamFault',
    detail: /answered 503/,
    spoil: (world) => void world.upstream.faults.push([/^\/storage/, html(503)]),
  },
  '304 to a question that allows none': {
    reason: 'UpstreamFault',
    detail: /without If-None-Match/,
    spoil: (world) =>
      void world.upstream.faults.push([/^\/repos/, (_, response) => void response.writeHead(304).end()]),
  },
  'a repository that is not there': {
    reason: 'NotFound',
    detail: /answered 404/,
    spoil: (world) => void world.upstream.faults.push([/^\/repos/, html(404)]),
  },
}

t.test('githubRelease() refuses whatever is wrong, each with its own reason, and tells no secret', async (t) => {
  for (const [what, { reason, detail, spoil }] of Object.entries(WRONG)) {
    await t.test(what, async (t) => {
      const world = await worldWith(t)
      const options = ((await spoil(world)) ?? {}) as Options
      const fetched = await world.fetch(options)
      t.match(fetched, { status: 'refused', reason, detail })
      t.notMatch(fetched.detail, /storage-secret/)
      t.notMatch(fetched.detail, /[\x00-\x1f]/, 'one line')
    })
  }
})

t.test(
  'createSources() asks upstream nothing while there is neither a key nor a release, and verifies once there is one',
  async (t) => {
    const world = await worldWith(t)
    const key = world.files.get('/keys.asc')!
    world.files.delete('/keys.asc')
    t.match(await world.fetch(), { status: 'refused', reason: 'NoKey', detail: /\/keys\.asc: ENOENT/ })
    t.same(world.upstream.requests, [])
    world.files.set('/keys.asc', key)
    const fetched = await world.fetch()
    t.equal(fetched.status, 'new')
    world.files.delete('/keys.asc')
    const { known } = fetched as { known: Known }
    t.match(await world.fetch({ known }), { status: 'unchanged' }, 'what is known needs no key again')
  },
)
