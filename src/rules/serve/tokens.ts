/**
 * Who asks: a projected ServiceAccount token, checked without asking anybody.
 *
 *   token ── seen before, and its time is not over ──► identity
 *     └─ signature by a key of the cluster ─ issuer ─ audience ─ times ─ claims ─► identity
 *
 * What was found is remembered under the token's hash until the token expires or the cluster's keys change, so that a poll costs no signature.
 * A Pod that is gone keeps a valid token for a while; whether it is there is the shelf's question.
 */
import { hash } from 'node:crypto'
import { errors, jwtVerify } from 'jose'
import { z } from 'zod'
import { TOKEN_AUDIENCE } from '../../api/names.ts'
import { ServeError, type ServeErrorCode } from './errors.ts'
import type { KeptKeys, Keys } from './keys.ts'

export interface Identity {
  readonly namespace: string
  readonly serviceAccount: string
  /** The Pod it is bound to. */
  readonly pod?: { readonly name: string; readonly uid: string }
}
export interface Tokens {
  /** @throws {ServeError} with a code of 401, or `NotKnownYet` */
  identify(authorization: string | undefined): Promise<Identity>
  /** Why no token could be judged now. */
  problem(): string | undefined
}

export interface TokensOptions {
  readonly keys: Keys
  readonly now: () => number
  /** How many are remembered. @default 20,000 */
  readonly remembered?: number
}

/** Clocks of two machines. */
const LEEWAY_SECONDS = 10
/** Kubernetes' own have about 1 KiB. */
const LONGEST = 8192

const name = z.string().min(1).max(253)
const claims = z.object({
  exp: z.number(),
  'kubernetes.io': z.object({
    namespace: name,
    serviceaccount: z.object({ name }),
    pod: z.object({ name, uid: z.string().min(1).max(128) }).optional(),
  }),
})

const CODES: readonly (readonly [new (...args: never[]) => Error, ServeErrorCode])[] = [
  [errors.JOSEAlgNotAllowed, 'TokenAlgorithm'],
  [errors.JWKSNoMatchingKey, 'TokenKeyUnknown'],
  [errors.JWKSMultipleMatchingKeys, 'TokenKeyUnknown'],
  [errors.JWSSignatureVerificationFailed, 'TokenSignature'],
  [errors.JWTExpired, 'TokenExpired'],
]
const CODES_OF_CLAIMS: Readonly<Record<string, ServeErrorCode>> = {
  iss: 'TokenIssuer',
  aud: 'TokenAudience',
  nbf: 'TokenNotYet',
  iat: 'TokenNotYet',
}

const refusal = (error: unknown): ServeError => {
  if (error instanceof ServeError) return error
  const known = CODES.find(([kind]) => error instanceof kind)?.[1]
  if (known !== undefined) return new ServeError(known, undefined, { cause: error })
  if (error instanceof errors.JWTClaimValidationFailed && error.reason === 'check_failed')
    return new ServeError(CODES_OF_CLAIMS[error.claim] ?? 'TokenMalformed', undefined, { cause: error })
  // Whatever else the bytes of a stranger lead to is a fault of theirs.
  return new ServeError('TokenMalformed', undefined, { cause: error })
}

export const createTokens = ({ keys, now, remembered = 20_000 }: TokensOptions): Tokens => {
  let known = new Map<string, { readonly identity: Identity; readonly until: number }>()
  let knownBy: KeptKeys | undefined

  const verify = async (token: string, kept: KeptKeys) => {
    const { payload } = await jwtVerify(
      token,
      (header, jws) => {
        // Without a key id jose would take whichever key fits; Kubernetes always names one.
        if (typeof header.kid !== 'string') throw new ServeError('TokenMalformed')
        return kept.find(header, jws)
      },
      {
        algorithms: ['RS256', 'ES256'],
        issuer: kept.issuer,
        audience: TOKEN_AUDIENCE,
        clockTolerance: LEEWAY_SECONDS,
        currentDate: new Date(now()),
        requiredClaims: ['exp', 'iss', 'aud', 'sub'],
      },
    )
    const { exp, 'kubernetes.io': who } = claims.parse(payload)
    const { namespace, serviceaccount, pod } = who
    return {
      identity: { namespace, serviceAccount: serviceaccount.name, ...(pod && { pod }) },
      until: (exp + LEEWAY_SECONDS) * 1000,
    }
  }

  const currentKeys = (): KeptKeys => {
    const kept = keys.current()
    if (kept === undefined)
      throw new ServeError('NotKnownYet', 'Cannot check the token: the keys of the cluster were not read yet.')
    if (kept !== knownBy) known = new Map()
    knownBy = kept
    return kept
  }

  const tokenOf = (authorization: string | undefined): string => {
    const token = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) throw new ServeError('TokenMissing')
    if (token.length > LONGEST) throw new ServeError('TokenMalformed')
    return token
  }

  return {
    problem: () => (keys.current() === undefined ? 'the keys of the cluster were not read yet' : undefined),
    identify: async (authorization) => {
      const token = tokenOf(authorization)
      let kept = currentKeys()
      const key = hash('sha256', token, 'base64')
      const seen = known.get(key)
      if (seen !== undefined) {
        if (now() < seen.until) return seen.identity
        known.delete(key)
        throw new ServeError('TokenExpired')
      }
      try {
        const found = await verify(token, kept).catch(async (error: unknown) => {
          if (!(error instanceof errors.JWKSNoMatchingKey) || !(await keys.lookAgain())) throw error
          kept = currentKeys()
          return verify(token, kept)
        })
        if (kept === knownBy) {
          // The oldest goes: a Map keeps the order in which keys came.
          if (known.size >= remembered) known.delete(known.keys().next().value!)
          known.set(key, found)
        }
        return found.identity
      } catch (error) {
        throw refusal(error)
      }
    },
  }
}
