/** The number of each check while it passes, for who looks in (`sekisho ids status`): the same things that the faults tell with their limits. */
import { IDS_CHECKS, type IdsCheck } from '../../api/ids.ts'
import type { IdsFacts, InterfaceFacts } from './facts.ts'
import { allFaults } from './judge.ts'

export interface CheckStatus {
  readonly check: IdsCheck
  readonly ok: boolean
  readonly detail: string
}

const hours = (seconds: number): number => Math.round(seconds / 360) / 10
const each = (facts: IdsFacts, figure: (one: InterfaceFacts) => string): string =>
  facts.interfaces.map((one) => `${one.name}: ${figure(one)}`).join('; ')

const FIGURES: Readonly<Record<IdsCheck, (facts: IdsFacts) => string>> = {
  AgentStarting: ({ now, startedAt }) => `running for ${Math.round(now - startedAt)} s`,
  AgentSilent: () => 'writes every 2 s (limit 15 s)',
  SuricataSilent: () => 'answers on its command socket (limit 5 s)',
  RulesFailed: ({ counts }) => `${counts?.failed} failed (limit 0)`,
  RulesTooFew: ({ counts, rules }) =>
    `${counts?.loaded} active, ${rules.expected ?? '?'} expected of the set ${rules.set}`,
  RulesTooOld: ({ now, rules: { confirmedAt }, limits: { maximumRuleAge } }) =>
    confirmedAt === undefined
      ? 'age is not measured'
      : `confirmed ${hours(now - confirmedAt)} h ago (limit ${maximumRuleAge === 0 ? 'none' : `${hours(maximumRuleAge)} h`})`,
  ReloadUnverified: ({ rules: { reload } }) => (reload.state === 'none' ? 'nothing was placed' : reload.state),
  InterfaceMissing: ({ captured, wanted }) =>
    `captured: ${captured?.join(', ')}; wanted: ${wanted === undefined ? 'not told' : wanted.join(', ')}`,
  PacketsNotAdvancing: (facts) => each(facts, ({ packets }) => `${packets?.sample.seen} packets seen`),
  DropsOverBudget: (facts) =>
    `${each(facts, ({ drops: [first, ...more] }) => {
      const last = more.at(-1)
      if (first === undefined || last === undefined) return 'not known yet'
      return `${last.drops - first.drops} of ${last.packets - first.packets} packets dropped in ${Math.round(last.at - first.at)} s`
    })} (limit ${facts.limits.dropBudget} % in a minute)`,
  CanaryLost: (facts) =>
    `${each(facts, ({ canary }) =>
      canary.carrierSince === undefined
        ? 'no carrier, none is sent'
        : `caught ${Math.round(facts.now - (canary.caughtAt ?? facts.now))} s ago`,
    )} (limit ${facts.limits.canaryPeriod + facts.limits.canaryAnswer} s)`,
}

/** Every check, in their order. */
export const statusOf = (facts: IdsFacts): readonly CheckStatus[] => {
  const faults = allFaults(facts)
  return (Object.keys(IDS_CHECKS) as IdsCheck[]).map((check, at) => {
    const fault = faults[at]!.fault
    return { check, ok: fault === undefined, detail: fault ?? FIGURES[check](facts) }
  })
}
