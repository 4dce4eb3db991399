/** A node that is proven to be seen, and small changes to it. */
import { NO_CANARY } from '../../../src/ids/readiness/canary.ts'
import type { IdsFacts, InterfaceFacts } from '../../../src/ids/readiness/facts.ts'

export const LIMITS = { canaryPeriod: 60, canaryAnswer: 5, dropBudget: 25, maximumRuleAge: 720 * 3600 }

export const good = (name: string): InterfaceFacts => {
  const sample = { at: 1000, carried: 500, seen: 400 }
  return {
    name,
    present: true,
    packets: { state: sample, sample },
    drops: [
      { at: 940, packets: 100, drops: 0 },
      { at: 1000, packets: 500, drops: 1 },
    ],
    canary: { ...NO_CANARY, carrierSince: 10, sentAt: 980, caughtAt: 980 },
  }
}
export const GOOD: IdsFacts = {
  now: 1000,
  startedAt: 0,
  suricata: { state: 'answers' },
  counts: { loaded: 40005, failed: 0 },
  rules: { set: '0123456789ab', expected: 40005, minimum: 10_000, reload: { state: 'verified' }, confirmedAt: 100 },
  wanted: ['cni0', 'eth0'],
  captured: ['cni0', 'eth0'],
  interfaces: [good('cni0'), good('eth0')],
  limits: LIMITS,
}
export const eth0 = (change: Partial<InterfaceFacts>): Partial<IdsFacts> => ({
  interfaces: [good('cni0'), { ...good('eth0'), ...change }],
})
