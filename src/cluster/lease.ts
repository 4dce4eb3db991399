/**
 * Who leads: a Lease, as client-go's leader election has it.
 *
 *     nobody's, ours, or not renewed for `durationMs` (by our own clock) ─▶ take it ─▶ renew every `renewMs`
 *
 * A holder's clock is never compared with ours: a Lease counts as alive while its record changes. Whoever could not renew for `giveUpMs`
 * leads no more, and stops to publish before anybody else may begin: giveUpMs < durationMs.
 */
import { type ApiClient, ApiError } from './api-client.ts'
import type { Log } from './log.ts'
import { microTime } from './micro-time.ts'

interface LeaseSpec {
  readonly holderIdentity?: string
  readonly leaseDurationSeconds?: number
  readonly acquireTime?: string
  readonly renewTime?: string
  readonly leaseTransitions?: number
}
interface RawLease {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string; readonly uid?: string }
  readonly spec?: LeaseSpec
}

export interface LeaseOptions {
  readonly client: ApiClient
  readonly namespace: string
  readonly name: string
  readonly identity: string
  readonly signal: AbortSignal
  readonly log: Log
  /** Milliseconds that only rise. */
  readonly monotonic: () => number
  readonly now: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  readonly changed: (leading: boolean) => void
  readonly times?: Partial<LeaseTimes>
}
export interface LeaseTimes {
  readonly durationMs: number
  readonly giveUpMs: number
  readonly renewMs: number
}
export const LEASE_TIMES: LeaseTimes = { durationMs: 15_000, giveUpMs: 10_000, renewMs: 3_000 }

export interface Lease {
  /** Whether we lead, to this very moment. */
  leads(): boolean
  /** Who does, as far as it was seen. */
  holder(): string
  /** Lets go of it, so that another need not wait until it runs out. */
  release(): Promise<void>
  readonly done: Promise<void>
}

/** Tries to lead until the signal aborts. */
export function startLease(options: LeaseOptions): Lease {
  const { client, namespace, name, identity, signal, log, monotonic, now, sleep } = options
  const times = { ...LEASE_TIMES, ...options.times }
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`
  let renewedAt = Number.NEGATIVE_INFINITY
  let told = false
  let released = false
  let lastHolder = ''
  let seenVersion = ''
  let seenAt = monotonic()

  const leads = () => !released && monotonic() - renewedAt < times.giveUpMs
  const tell = () => {
    if (leads() === told) return
    told = !told
    log.info({ 'sekisho.leader': told, 'sekisho.lease.holder': lastHolder }, told ? 'leading' : 'not leading any more')
    options.changed(told)
  }

  const put = async (before: RawLease | undefined, holderIdentity: string): Promise<RawLease> => {
    const mine = before?.spec?.holderIdentity === identity
    const spec: LeaseSpec = {
      holderIdentity,
      leaseDurationSeconds: holderIdentity === '' ? 1 : Math.ceil(times.durationMs / 1000),
      acquireTime: (mine && before?.spec?.acquireTime) || microTime(now()),
      renewTime: microTime(now()),
      leaseTransitions: (before?.spec?.leaseTransitions ?? 0) + (mine || before === undefined ? 0 : 1),
    }
    const { resourceVersion, uid } = before?.metadata ?? {}
    const metadata = { name, namespace, ...(before && { resourceVersion, uid }) }
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }
    const idleMs = times.renewMs
    return before
      ? client.request('PUT', `${path}/${name}`, { body, signal, idleMs })
      : client.request('POST', path, { body, signal, idleMs })
  }
  const read = async (): Promise<RawLease | undefined> => {
    try {
      return await client.request<RawLease>('GET', `${path}/${name}`, { signal, idleMs: times.renewMs })
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined
      throw error
    }
  }

  /** One look: take it where it may be taken. */
  async function turn(): Promise<void> {
    const began = monotonic()
    const lease = await read()
    const { holderIdentity = '', leaseDurationSeconds = 0 } = lease?.spec ?? {}
    lastHolder = holderIdentity
    const version = lease?.metadata.resourceVersion ?? ''
    if (version !== seenVersion) {
      seenVersion = version
      seenAt = monotonic()
    }
    const alive = monotonic() - seenAt < leaseDurationSeconds * 1000
    if (holderIdentity !== '' && holderIdentity !== identity && alive) {
      renewedAt = Number.NEGATIVE_INFINITY
      return
    }
    const taken = await put(lease, identity)
    seenVersion = taken.metadata.resourceVersion ?? ''
    seenAt = monotonic()
    lastHolder = identity
    // From before the write was sent: the server's copy is never older than what we count from.
    if (!released) renewedAt = began
  }

  async function run(): Promise<void> {
    while (!signal.aborted && !released) {
      try {
        await turn()
      } catch (error) {
        if (signal.aborted || released) break
        // 409 is the other's win: what stands there is read at the next turn.
        if (!(error instanceof ApiError && error.status === 409))
          log.warn({ 'sekisho.lease': name, reason: String(error) }, 'the Lease could not be renewed')
      }
      tell()
      // Half a turn more often than needed, so that the end of leading is told in time.
      await sleep(leads() ? times.renewMs : Math.min(times.renewMs, 2000), signal).catch(() => {})
      tell()
    }
    tell()
  }

  const done = run()
  return {
    leads: () => {
      tell()
      return told
    },
    holder: () => lastHolder,
    done,
    release: async () => {
      const held = leads()
      released = true
      tell()
      if (!held) return
      try {
        const lease = await read()
        if (lease?.spec?.holderIdentity === identity) await put(lease, '')
      } catch (error) {
        log.warn(
          { 'sekisho.lease': name, reason: String(error) },
          'the Lease could not be let go; it runs out by itself',
        )
      }
    },
  }
}
