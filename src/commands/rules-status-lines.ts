/** `sekisho rules status` for people. Details may hold what Pods or upstream said: nothing of it reaches the terminal unprintable. */

import type { WafPolicyStatus } from '../api/waf-policy.ts'
import type { FetchState } from '../rules/rollout/state.ts'
import type { Summary } from '../rules/rollout/summary.ts'
import { printable } from './printable.ts'
import { section, table } from './table.ts'

export interface PolicyLine extends Pick<WafPolicyStatus, 'mode' | 'rules' | 'enforced'> {
  readonly namespace: string
  readonly name: string
  readonly accepted: string
  readonly message: string
}
/** A namespace's newest policy and rules that were not taken: what was published before still runs. */
export interface Refused {
  readonly namespace: string
  readonly policy: string
  readonly reason: string
  readonly detail: string
  readonly problems: readonly string[]
}
/** The IDS rules that the service keeps for the agents. */
export interface IdsLine {
  readonly current?: {
    readonly version: string
    readonly sha256: string
    readonly rules: number
    /** ms since 1970 */
    readonly fetchedAt: number
  }
  /** Why what is kept cannot be read. */
  readonly problem?: string
  readonly fetch?: FetchState
}
export interface Status extends Summary {
  /** Absent where no IDS rules are followed. */
  readonly ids?: IdsLine
  readonly policies: readonly PolicyLine[]
  readonly refused: readonly Refused[]
}

export function inLines(status: Status, now: number): string {
  const ago = (at: number) => `${span(now - at)} ago`
  const rows: [string, string][] = []
  const row = (name: string, text: string) => void rows.push([name, text])

  row('Release', status.current?.version ?? "none yet: Pods run their image's baseline")
  if (status.next !== undefined) {
    const { release, stage, stages, of, since, pods, halted } = status.next
    row(
      'Next',
      `${release.version}: stage ${stage} of ${stages}, ${of}, since ${ago(since)}; ${pods.active} of ${pods.pods} Pods run it`,
    )
    if (halted !== undefined) row('', `halted ${ago(halted.at)} (${halted.reason}): ${halted.detail}`)
  }
  if (status.waiting !== undefined && status.next?.halted === undefined)
    row('Waiting', `${status.waiting.reason}: ${status.waiting.detail}`)
  const { pods } = status
  const others = [
    [pods.failed, 'refuse it'],
    [pods.pending, 'do not run it yet'],
    [pods.outdated, 'have an engine on which it was not tried (restart them)'],
  ] as const
  const more = others
    .filter(([count]) => count > 0)
    .map(([count, words]) => `, ${count} ${words}`)
    .join('')
  row('Pods', `${pods.active} of ${pods.pods} run what they should${more}`)
  if (status.pin !== undefined)
    row('Pinned', `${status.pin.version} by ${status.pin.by}, ${ago(status.pin.at)}: ${status.pin.why}`)
  if (status.freeze !== undefined)
    row('Frozen', `until ${new Date(status.freeze.until).toISOString()} by ${status.freeze.by}: ${status.freeze.why}`)
  if (status.kept.length > 0) row('Kept', status.kept.map(({ version }) => version).join(', '))
  if (status.fetch !== undefined)
    row('Fetched', `${ago(status.fetch.lastAt)}: ${status.fetch.lastReason}: ${status.fetch.lastDetail}`)
  if (status.wentBack !== undefined) {
    const { from, to, by, at, detail } = status.wentBack
    row('Went back', `from ${from.version} to ${to.version}, ${ago(at)} (${by}): ${detail}`)
  }

  if (status.ids !== undefined) {
    const { current, problem, fetch } = status.ids
    const which =
      current === undefined
        ? (problem ?? 'none yet: agents keep the rules of their image')
        : `${current.version}, ${current.rules} rules, sha256 ${current.sha256.slice(0, 12)}, fetched ${ago(current.fetchedAt)}`
    row('IDS rules', which)
    if (fetch !== undefined) row('', `asked ${ago(fetch.lastAt)}: ${fetch.lastReason}: ${fetch.lastDetail}`)
  }

  return [
    table(rows).join(''),
    section(
      'Behind',
      ['NAMESPACE', 'PODS', 'RUN IT', 'REFUSE', 'NOT YET', 'OUTDATED', 'WHY'],
      status.behind.map((one) => [
        one.namespace,
        ...[one.pods, one.active, one.failed, one.pending, one.outdated].map(String),
        Object.entries(one.reasons)
          .map(([reason, count]) => `${reason} ${count}`)
          .join(', '),
      ]),
    ),
    section(
      'Set aside',
      ['NAMESPACE', 'STAYS WITH', 'REFUSES', 'WHY'],
      status.setAside.map(({ namespace, stays, refuses, detail }) => [
        namespace,
        stays.version,
        refuses.version,
        detail,
      ]),
    ),
    section(
      'Held back',
      ['VERSION', 'SINCE', 'REASON', 'DETAIL'],
      status.held.map(({ release, at, reason, detail }) => [release.version, ago(at), reason, detail]),
    ),
    section(
      'Policies',
      ['NAMESPACE', 'NAME', 'MODE', 'RULES', 'ENFORCED', 'ACCEPTED'],
      status.policies.map((one) => [
        one.namespace,
        one.name,
        one.mode ?? '-',
        one.rules ?? '-',
        one.enforced ?? '-',
        one.accepted === 'False' ? `False: ${one.message}` : one.accepted,
      ]),
    ),
    section(
      'Not taken',
      ['NAMESPACE', 'POLICY', 'REASON', 'DETAIL'],
      status.refused.map(({ namespace, policy, reason, detail, problems }) => [
        namespace,
        policy || '-',
        reason,
        problems[0] ?? detail,
      ]),
    ),
    status.attention.length === 0
      ? '\nNobody is needed.\n'
      : `\nNeeds a person\n${status.attention
          .map(({ reason, detail, remedy }) => `  ${reason}: ${printable(detail)}\n    to mend: ${remedy}\n`)
          .join('')}`,
  ].join('')
}

/** `12 min` */
function span(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / 60_000))
  if (minutes < 120) return `${minutes} min`
  return minutes < 2880 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} days`
}
