/**
 * The part of readiness that looks from the API server's side: do both webhook configurations trust our certificate?
 * It is looked up beside the probes, often while the answer is no (an install waits for it), seldom while it is yes.
 * What cannot be read changes nothing: an API server that does not answer must not take the webhook away from itself.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { distrust, type WebhookEntry } from './ca-bundle.ts'
import type { Certificate } from './certificate.ts'
import type { Check } from './readiness.ts'

export interface Configuration {
  /** For messages: `MutatingWebhookConfiguration sekisho`. */
  readonly title: string
  /** Undefined where the object does not exist. */
  readonly entries: readonly WebhookEntry[] | undefined
}

export interface TrustOptions {
  readonly read: (signal: AbortSignal) => Promise<readonly Configuration[]>
  readonly certificate: () => Certificate | undefined
  readonly signal: AbortSignal
  /** @default Date.now */
  readonly now?: () => number
  /** @default 2 s */
  readonly whileNoMs?: number
  /** @default 60 s */
  readonly whileYesMs?: number
}

/** Why the API server would not reach us by these configurations; undefined when it would. Pure. */
export const untrusted = (
  configurations: readonly Configuration[],
  certificate: Certificate,
  now: number,
): string | undefined => {
  for (const { title, entries } of configurations) {
    if (entries === undefined) return `${title} does not exist yet`
    for (const entry of entries) {
      const problem = distrust(entry, certificate, now)
      if (problem !== undefined) return `${title}: ${problem}`
    }
  }
  return undefined
}

/** Looks until the signal aborts; the check tells what was seen last. */
export const watchTrust = (options: TrustOptions): Check => {
  const { read, certificate, signal, now = Date.now, whileNoMs = 2_000, whileYesMs = 60_000 } = options
  let problem: string | undefined = 'not looked at yet'
  let judged: Certificate | undefined
  const look = async () => {
    const current = certificate()
    if (current === undefined) return
    try {
      problem = untrusted(await read(signal), current, now())
      judged = current
    } catch (error) {
      if (problem !== undefined) problem = `Cannot read the webhook configurations: ${(error as Error).message}`
    }
  }
  const loop = async () => {
    // Not in the caller's own turn: who asks for the check may still be making what has the certificate.
    await sleep(0)
    while (!signal.aborted) {
      await look()
      const wait = problem === undefined ? whileYesMs : whileNoMs
      await sleep(wait, undefined, { signal, ref: false }).catch(() => {})
    }
  }
  void loop()
  return () => {
    // A certificate that came since is judged at the next look; until then the answer for the old one stands.
    if (problem === undefined && judged !== certificate()) void look()
    return problem
  }
}
