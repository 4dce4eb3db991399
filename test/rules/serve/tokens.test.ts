/** createTokens, through the server: which tokens are believed, and what the others are told. */
import { createHmac } from 'node:crypto'
import { type CryptoKey, exportSPKI, importJWK } from 'jose'
import t from 'tap'
import { type Keys, keepKeys } from '../../../src/rules/serve/keys.ts'
import { createTokens } from '../../../src/rules/serve/tokens.ts'
import { logOf } from '../../admission/support.ts'
import {
  BANK,
  CURRENT,
  claimsOf,
  get,
  jwksOf,
  type SigningKey,
  shelfOf,
  sign,
  signingKey,
  startUpdateServer,
  type TokenChanges,
  WEB,
} from './support.ts'

const [key, other, ec] = await Promise.all([signingKey('one'), signingKey('one'), signingKey('two', 'ES256')])
const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const full = async () =>
  JSON.parse(Buffer.from((await sign(key, claimsOf(WEB))).split('.')[1]!, 'base64url').toString())

/** A token whose signature is made by `mac` or left out. */
const raw = async (header: object, signature: (input: string) => string = () => '') => {
  const input = `${b64(header)}.${b64(await full())}`
  return `${input}.${signature(input)}`
}
const publicPem = await exportSPKI((await importJWK(key.jwk, 'RS256')) as CryptoKey)
const hmac = (secret: string | Buffer) => (input: string) =>
  createHmac('sha256', secret).update(input).digest('base64url')

const withClaims = async (change: (claims: Record<string, unknown>) => void, changes?: TokenChanges) => {
  const claims = structuredClone(claimsOf(WEB)) as Record<string, unknown>
  change(claims)
  return sign(key, claims, changes)
}
const kube = (claims: Record<string, unknown>) => claims['kubernetes.io'] as Record<string, unknown>

const refused: [what: string, make: () => Promise<string>, code: string][] = [
  ['another key under the same id', () => sign(other, claimsOf(WEB)), 'TokenSignature'],
  ['a key id that nobody has', () => sign({ ...key, kid: 'three' }, claimsOf(WEB)), 'TokenKeyUnknown'],
  ['no key id', () => sign(key, claimsOf(WEB), { header: { kid: undefined } }), 'TokenMalformed'],
  ['alg none', () => raw({ alg: 'none', kid: 'one' }), 'TokenAlgorithm'],
  [
    'HS256 with the public key in PEM for the secret',
    () => raw({ alg: 'HS256', kid: 'one' }, hmac(publicPem)),
    'TokenAlgorithm',
  ],
  [
    'HS256 with the modulus for the secret',
    () => raw({ alg: 'HS256', kid: 'one' }, hmac(Buffer.from(String(key.jwk['n']), 'base64url'))),
    'TokenAlgorithm',
  ],
  ['RS512', () => raw({ alg: 'RS512', kid: 'one' }, () => 'AAAA'), 'TokenAlgorithm'],
  [
    'a critical header that nobody knows',
    () => raw({ alg: 'RS256', kid: 'one', crit: ['x'], x: 1 }, () => 'AAAA'),
    'TokenMalformed',
  ],
  ['ES256 said of an RSA key', () => raw({ alg: 'ES256', kid: 'one' }, () => 'AAAA'), 'TokenKeyUnknown'],
  ['another audience', () => sign(key, claimsOf(WEB), { audience: 'vault' }), 'TokenAudience'],
  [
    'the API server for its audience',
    () => sign(key, claimsOf(WEB), { audience: ['https://kubernetes.default.svc'] }),
    'TokenAudience',
  ],
  ['another issuer', () => sign(key, claimsOf(WEB), { issuer: 'https://evil.example' }), 'TokenIssuer'],
  ['a time that is over', () => sign(key, claimsOf(WEB), { lives: -60 }), 'TokenExpired'],
  ['a time that has not come', () => sign(key, claimsOf(WEB), { from: 600 }), 'TokenNotYet'],
  ['no expiry', async () => raw({ alg: 'RS256', kid: 'one' }), 'TokenSignature'],
  ['no Pod', () => withClaims((claims) => delete kube(claims)['pod']), 'TokenNotOfPod'],
  [
    'a Pod without uid',
    () => withClaims((claims) => delete (kube(claims)['pod'] as Record<string, unknown>)['uid']),
    'TokenMalformed',
  ],
  ['no claims of Kubernetes', () => withClaims((claims) => delete claims['kubernetes.io']), 'TokenMalformed'],
  ['a list for a namespace', () => withClaims((claims) => (kube(claims)['namespace'] = ['shop'])), 'TokenMalformed'],
  ['no dots', async () => 'abc', 'TokenMalformed'],
  ['five parts', async () => 'a.b.c.d.e', 'TokenMalformed'],
  ['9,000 bytes', async () => `${'a'.repeat(9000)}.b.c`, 'TokenMalformed'],
]

t.test('createTokens() and tokens that are not believed', async (t) => {
  const shelf = shelfOf(WEB, BANK)
  const running = await startUpdateServer(t, { shelf, keys: async () => jwksOf(key, ec) })
  for (const [what, make, code] of refused)
    t.test(`createTokens() refuses a token with ${what}: ${code}`, async (t) => {
      const answer = await get(running, CURRENT, { token: await make() })
      t.equal(answer.status, 401)
      t.equal(answer.reason, code)
      t.equal(shelf.asked.length, 0, 'and nothing was heard')
    })
  for (const authorization of ['', 'Bearer', 'Bearer ', 'Basic YTpi', `bearer\t${await sign(key, claimsOf(WEB))}`])
    t.test(`createTokens() finds no token in ${JSON.stringify(authorization.slice(0, 20))}`, async (t) => {
      const answer = await get(running, CURRENT, { headers: { authorization } })
      t.equal(answer.reason, 'TokenMissing')
    })
  t.test('createTokens() refuses a changed payload under a true signature', async (t) => {
    const [head, , signature] = (await sign(key, claimsOf(WEB))).split('.')
    const [, payload] = (await sign(key, claimsOf(BANK))).split('.')
    t.equal((await get(running, CURRENT, { token: `${head}.${payload}.${signature}` })).reason, 'TokenSignature')
  })
  t.test('createTokens() takes RS256 and ES256', async (t) => {
    for (const one of [key, ec])
      t.equal((await get(running, CURRENT, { token: await sign(one, claimsOf(WEB)) })).status, 200)
  })
  t.test('createTokens() takes a token that is meant for others too', async (t) => {
    t.equal(
      (await get(running, CURRENT, { token: await sign(key, claimsOf(WEB), { audience: ['a', 'sekisho-rules'] }) }))
        .status,
      200,
    )
  })
})

t.test('createTokens() refuses a signed token without an expiry', async (t) => {
  const running = await startUpdateServer(t, { shelf: shelfOf(WEB), keys: async () => jwksOf(key) })
  const { SignJWT } = await import('jose')
  const token = await new SignJWT(claimsOf(WEB))
    .setProtectedHeader({ alg: 'RS256', kid: 'one' })
    .setIssuer('https://kubernetes.default.svc.cluster.local')
    .setAudience('sekisho-rules')
    .sign(key.privateKey)
  t.equal((await get(running, CURRENT, { token })).reason, 'TokenMalformed')
})

/** Keys by hand, a clock by hand. */
const kept = async (t: { teardown(fn: () => void): void }, read: () => SigningKey[] | Error) => {
  const ending = new AbortController()
  t.teardown(() => ending.abort())
  const clock = { now: Date.now(), reads: 0 }
  const keys: Keys = keepKeys({
    read: async () => {
      clock.reads++
      const found = read()
      if (found instanceof Error) throw found
      return jwksOf(...found)
    },
    signal: ending.signal,
    log: logOf([]),
    now: () => clock.now,
    everyMs: 3_600_000,
    retryMs: 3_600_000,
  })
  await new Promise((done) => setTimeout(done, 20))
  return { keys, clock, tokens: createTokens({ keys, now: () => clock.now, remembered: 3 }) }
}
t.test('createTokens() judges a token once, until it expires or the keys of the cluster change', async (t) => {
  let there = [key]
  const { keys, clock, tokens } = await kept(t, () => there)
  const token = `Bearer ${await sign(key, claimsOf(WEB))}`
  const first = await tokens.identify(token)
  t.match(first, { namespace: 'shop', serviceAccount: 'default', pod: { name: 'web-1', uid: WEB.uid } })
  t.equal(await tokens.identify(token), first, 'the same object: remembered')
  for (const name of ['a', 'b', 'c']) await tokens.identify(`Bearer ${await sign(key, claimsOf({ ...WEB, name }))}`)
  t.not(await tokens.identify(token), first, 'no more are remembered than said')

  clock.now += 3_600_000 + 11_000
  await t.rejects(tokens.identify(token), { code: 'TokenExpired' })

  clock.now -= 3_600_000
  const again = `Bearer ${await sign(key, claimsOf(BANK))}`
  await tokens.identify(again)
  there = [ec]
  clock.now += 60_000
  t.equal(await keys.lookAgain(), true)
  await t.rejects(
    tokens.identify(again),
    { code: 'TokenKeyUnknown' },
    'a key that was taken away verifies nothing any more',
  )
})

t.test('keepKeys() looks again for an unknown key, and not more often than it may', async (t) => {
  let there = [key]
  const { clock, tokens } = await kept(t, () => there)
  t.equal(clock.reads, 1)
  there = [key, ec]
  const token = `Bearer ${await sign(ec, claimsOf(WEB))}`
  await t.rejects(tokens.identify(token), { code: 'TokenKeyUnknown' }, 'moments after the first look')
  t.equal(clock.reads, 1)
  clock.now += 10_001
  t.match(await tokens.identify(token), { namespace: 'shop' })
  t.equal(clock.reads, 2)
  const unknown = await Promise.all(
    Array.from({ length: 50 }, (_, i) => sign({ ...key, kid: `evil-${i}` }, claimsOf(WEB))),
  )
  clock.now += 10_001
  await Promise.all(unknown.map((one) => t.rejects(tokens.identify(`Bearer ${one}`), { code: 'TokenKeyUnknown' })))
  t.equal(clock.reads, 3, 'fifty strangers cost one look')
})

t.test('keepKeys() keeps what it knows while the API server is away, or tells nonsense', async (t) => {
  let answer: SigningKey[] | Error = [key]
  const { keys, clock, tokens } = await kept(t, () => answer)
  for (const bad of [
    new Error('connection refused'),
    [],
    [{ ...key, jwk: { kty: 'oct', k: 'c2VjcmV0', kid: 'one' } }],
  ]) {
    answer = bad
    clock.now += 60_000
    t.equal(await keys.lookAgain(), false)
    t.match(await tokens.identify(`Bearer ${await sign(key, claimsOf(WEB))}`), { namespace: 'shop' })
  }
})

t.test('createTokens() cannot tell before the keys were read once', async (t) => {
  const { tokens } = await kept(t, () => new Error('not there yet'))
  await t.rejects(tokens.identify(`Bearer ${await sign(key, claimsOf(WEB))}`), { code: 'NotKnownYet', status: 503 })
  t.match(tokens.problem(), /not read yet/)
})
