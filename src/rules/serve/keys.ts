/**
 * The public keys that ServiceAccount tokens of this cluster are signed with, kept in memory.
 *
 *   read ──► kept ── every few minutes, or when a token names a key that is not there ──► read
 *
 * What cannot be read changes nothing: tokens are checked while the API server is away. Questions for unknown keys are rare by rule, since
 * anybody can write a token with any key id.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createLocalJWKSet, type JSONWebKeySet, type LocalJWKSet } from 'jose'
import { z } from 'zod'
import type { Logger } from '../../log.ts'

export interface ClusterKeys {
  readonly issuer: string
  readonly jwks: unknown
}
/** Asks whoever knows: the API server, or a test. */
export type ReadKeys = (signal: AbortSignal) => Promise<ClusterKeys>

export interface KeptKeys {
  readonly issuer: string
  readonly find: LocalJWKSet
}
export interface Keys {
  /** undefined until they were read once. */
  current(): KeptKeys | undefined
  /** Looks now, unless it did so moments ago; true where other keys hold afterwards. */
  lookAgain(): Promise<boolean>
}

export interface KeysOptions {
  readonly read: ReadKeys
  readonly signal: AbortSignal
  readonly log: Logger
  readonly now: () => number
  /** @default 5 min */
  readonly everyMs?: number
  /** After a failed look. @default 5 s */
  readonly retryMs?: number
  /** Between two looks for a key that is not there. @default 10 s */
  readonly restMs?: number
}

/** Keys that can verify and that a token can name; symmetric ones could never be public, so they are no keys of a cluster. */
const shape = z.object({
  issuer: z.string().min(1).max(2048),
  jwks: z.object({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string().min(1).optional() })).max(100) }),
})

/** @throws where there is no usable key in it. */
const usable = (raw: ClusterKeys): { issuer: string; jwks: JSONWebKeySet } => {
  const { issuer, jwks } = shape.parse(raw)
  const keys = jwks.keys.filter(({ kty, kid }) => (kty === 'RSA' || kty === 'EC') && kid !== undefined)
  if (keys.length === 0)
    throw new Error('Cannot use the keys of the cluster: none of them is an RSA or EC key with a key id.')
  return { issuer, jwks: { keys } as JSONWebKeySet }
}

/** Looks at once and until the signal aborts. */
export const keepKeys = (options: KeysOptions): Keys => {
  const { read, signal, log, now, everyMs = 300_000, retryMs = 5_000, restMs = 10_000 } = options
  let kept: (KeptKeys & { readonly text: string }) | undefined
  let looking: Promise<boolean> | undefined
  let lookedAt = Number.NEGATIVE_INFINITY
  let failed = false

  const look = async (): Promise<boolean> => {
    lookedAt = now()
    try {
      const { issuer, jwks } = usable(await read(signal))
      if (failed) log.info({}, 'keys of the cluster are read again')
      failed = false
      const text = JSON.stringify([issuer, jwks])
      if (text === kept?.text) return false
      kept = { issuer, find: createLocalJWKSet(jwks), text }
      log.info({ 'sekisho.issuer': issuer, 'sekisho.keys': jwks.keys.length }, 'keys of the cluster')
      return true
    } catch (error) {
      // Said once, not every few seconds.
      if (!failed && !signal.aborted)
        log.warn(
          { err: error },
          kept ? 'cannot read the keys of the cluster, the known ones stay' : 'cannot read the keys of the cluster',
        )
      failed = true
      return false
    }
  }
  const once = (): Promise<boolean> => {
    looking ??= look().finally(() => {
      looking = undefined
    })
    return looking
  }
  const loop = async () => {
    while (!signal.aborted) {
      await once()
      await sleep(failed ? retryMs : everyMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }
  void loop()

  return {
    current: () => kept,
    lookAgain: async () => {
      if (looking === undefined && now() - lookedAt < restMs) return false
      return once()
    },
  }
}
