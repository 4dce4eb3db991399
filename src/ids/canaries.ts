/** The canaries of all captured interfaces: sends those that are due, and takes the alerts. What is decided stands in readiness/canary.ts. */
import { canaryPacket, nonceOf } from './canary-packet.ts'
import type { CanarySender } from './canary-sender.ts'
import type { EveAlert } from './eve-stream.ts'
import {
  afterAlert,
  afterLook,
  afterProblem,
  afterSent,
  type CanaryState,
  canaryDue,
  NO_CANARY,
} from './readiness/canary.ts'
import type { IdsLimits } from './readiness/limits.ts'

export interface Canaries {
  /** Begins anew for these interfaces: Suricata was started again. */
  reset(names: readonly string[]): void
  /** What a look at an interface showed. */
  look(name: string, carrier: boolean): void
  /** Sends what is due. Never waits. */
  send(): void
  /** An alert of the canary's signature. @returns whether it was one of ours */
  take(alert: EveAlert): boolean
  of(name: string): CanaryState
}
export interface CanariesOptions {
  readonly sender: CanarySender
  readonly limits: IdsLimits
  readonly nonce: () => string
  /** Seconds that only rise. */
  readonly now: () => number
}

export function createCanaries({ sender, limits, nonce, now }: CanariesOptions): Canaries {
  let states = new Map<string, CanaryState>()
  const change = (name: string, to: (state: CanaryState) => CanaryState) => {
    const state = states.get(name)
    if (state !== undefined) states.set(name, to(state))
  }

  return {
    reset: (names) => {
      states = new Map(names.map((name) => [name, NO_CANARY]))
    },
    look: (name, carrier) => change(name, (state) => afterLook(state, carrier, now(), limits)),
    send: () => {
      for (const [name, state] of states) {
        if (!canaryDue(state, now(), limits)) continue
        const one = nonce()
        states.set(name, afterSent(state, one, now()))
        sender.send(name, canaryPacket(one)).catch((error: Error) => {
          change(name, (later) => afterProblem(later, one, error.message))
        })
      }
    },
    take: (alert) => {
      const state = states.get(alert.interface)
      const found = nonceOf(alert.payload)
      if (state === undefined || found === undefined) return false
      const after = afterAlert(state, found, now(), limits)
      states.set(alert.interface, after.state)
      return after.caught
    },
    of: (name) => states.get(name) ?? NO_CANARY,
  }
}
