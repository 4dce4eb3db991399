/**
 * Facts in, first failing check out. Each check is one function that returns what is wrong, with its number and limit; they are asked in the
 * order of IDS_CHECKS, which is the order in which one fault hides the next: without rules no canary can be caught.
 */
import { IDS_CHECKS, type IdsCheck } from '../../api/ids.ts'
import { canaryFault } from './canary.ts'
import { dropsFault } from './drops.ts'
import type { IdsFacts } from './facts.ts'
import { packetsFault } from './packets.ts'

export interface IdsVerdict {
  readonly ready: boolean
  /** '' while ready. */
  readonly check: IdsCheck | ''
  readonly detail: string
}

const MAX_DETAIL = 300
type Fault = (facts: IdsFacts) => string | undefined

/** The first of some faults. */
const first = <T>(all: readonly T[], fault: (one: T) => string | undefined): string | undefined => {
  for (const one of all) {
    const found = fault(one)
    if (found !== undefined) return found
  }
  return undefined
}

const FAULTS: Readonly<Record<IdsCheck, Fault>> = {
  AgentStarting: ({ suricata, now, startedAt }) =>
    suricata.state === 'unknown' ? `the agent began ${Math.round(now - startedAt)} s ago` : undefined,
  // The probe says it: whoever runs this is not silent.
  AgentSilent: () => undefined,
  SuricataSilent: ({ suricata, now }) =>
    suricata.state === 'silent'
      ? `Suricata has not answered for ${Math.round(now - suricata.since)} s: ${suricata.why}`
      : undefined,
  RulesFailed: ({ counts }) =>
    counts !== undefined && counts.failed > 0
      ? `${counts.failed} of ${counts.loaded + counts.failed} rules could not be loaded (limit 0)`
      : undefined,
  RulesTooFew: ({ counts, rules: { set, expected, minimum, reload } }) => {
    if (counts === undefined) return 'Suricata has not said yet how many rules it has'
    const least = Math.max(1, minimum)
    if (counts.loaded < least) return `${counts.loaded} rules are active (limit ${least})`
    return expected !== undefined && reload.state !== 'running' && counts.loaded < expected
      ? `${counts.loaded} rules are active and with the set ${set} there should be ${expected}`
      : undefined
  },
  RulesTooOld: ({ rules: { set, confirmedAt }, limits: { maximumRuleAge }, now }) => {
    if (maximumRuleAge === 0 || confirmedAt === undefined || now - confirmedAt <= maximumRuleAge) return undefined
    return `nobody confirmed for ${hours(now - confirmedAt)} h that the set ${set} is the newest (limit ${hours(maximumRuleAge)} h)`
  },
  ReloadUnverified: ({ rules: { reload, set } }) =>
    reload.state === 'unverified' ? `nothing shows that Suricata runs the set ${set}: ${reload.why}` : undefined,
  InterfaceMissing: ({ wanted, captured, interfaces }) => {
    if (captured === undefined || captured.length === 0) return 'no interface is captured yet'
    return (
      first(wanted ?? [], (name) => (captured.includes(name) ? undefined : `${name} is not captured yet`)) ??
      first(interfaces, ({ name, present }) => (present ? undefined : `${name} is captured and not there any more`))
    )
  },
  PacketsNotAdvancing: ({ interfaces }) =>
    first(interfaces, ({ name, packets }) =>
      packets === undefined
        ? `Suricata has not said yet how many packets it saw on ${name}`
        : packetsFault(name, packets.state, packets.sample),
    ),
  DropsOverBudget: ({ interfaces, limits }) =>
    first(interfaces, ({ name, drops }) => dropsFault(name, drops, limits.dropBudget)),
  CanaryLost: ({ interfaces, now, limits }) => {
    if (!interfaces.some(({ canary }) => canary.carrierSince !== undefined))
      return 'no captured interface has a carrier, so that no canary can be sent'
    return first(interfaces, ({ name, canary }) => canaryFault(name, canary, now, limits))
  },
}

const hours = (seconds: number): number => Math.round(seconds / 360) / 10

/** What each check found, in their order; those behind the first fault may be its consequences. */
export const allFaults = (
  facts: IdsFacts,
): readonly { readonly check: IdsCheck; readonly fault: string | undefined }[] =>
  (Object.keys(IDS_CHECKS) as IdsCheck[]).map((check) => ({ check, fault: FAULTS[check](facts) }))

/** The verdict. */
export function judge(facts: IdsFacts): IdsVerdict {
  const failed = allFaults(facts).find(({ fault }) => fault !== undefined)
  if (failed !== undefined) return { ready: false, check: failed.check, detail: failed.fault!.slice(0, MAX_DETAIL) }
  const { counts, rules, interfaces } = facts
  const packets = interfaces.reduce((sum, { packets }) => sum + (packets?.sample.seen ?? 0), 0)
  const names = interfaces.map(({ name }) => name).join(', ')
  const detail = `${counts?.loaded ?? 0} rules (${rules.set}), ${packets} packets seen and every canary caught on ${names}`
  return { ready: true, check: '', detail: detail.slice(0, MAX_DETAIL) }
}
