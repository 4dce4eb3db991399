/** What is told of a namespace when its condition changes or something opens it, and while that lasts. */
import type { Finding } from '../../api/finding.ts'
import { ANNOTATION } from '../../api/names.ts'
import type { GuardConfig } from '../../config/guard.ts'
import type { Override } from '../overrides.ts'
import type { CoveredCondition } from './condition.ts'
import { type NamespaceEntry, openText } from './namespace-entry.ts'
import { type EventDraft, finding, type Tidings } from './tables.ts'
import type { Times } from './views.ts'

type Settings = Pick<GuardConfig, 'events'>

const KINDS = { [ANNOTATION.breakGlass]: 'BreakGlassOpen', [ANNOTATION.allowUncovered]: 'UncoveredAllowed' } as const
const NAMES = 10

/** Told together with the write of the condition. Of a namespace in audit only Events are made. */
export function namespaceTidings(entry: NamespaceEntry, settings: Settings, times: Times): Tidings {
  const { view, protection, is, should, overrides } = entry
  const findings: Finding[] = []
  const events: EventDraft[] = []
  const namespace = view.name
  const told = (kind: 'NamespaceUncovered' | Kind, action: string, why: string, evidence: Finding['evidence']) => {
    if (protection === 'true') findings.push(finding(kind, action, { namespace }, why, evidence, times.cluster))
  }
  if (is?.status !== should.status) {
    if (should.status === 'False') told('NamespaceUncovered', 'detected', sentence(entry), evidence(entry))
    else if (is?.status === 'False' && should.status === 'True') {
      told('NamespaceUncovered', 'resolved', `namespace ${namespace}: ${should.message}`, {})
      events.push(event(entry, 'Covered', should.message, occasion(should, settings, times)))
    }
  }
  const before = opened(is)
  for (const one of overrides)
    if (!before.includes(openText(one)))
      told(KINDS[one.key], 'opened', openSentence(namespace, one), { until: new Date(one.until).toISOString() })
  const now = overrides.map(({ key }) => key)
  for (const key of [ANNOTATION.breakGlass, ANNOTATION.allowUncovered] as const)
    if (!now.includes(key) && before.some((text) => text.startsWith(`${short(key)} `)))
      told(KINDS[key], 'resolved', `namespace ${namespace}: ${key} is over`, {})
  return { findings, events: [...events, ...standingOfNamespace(entry, settings, times)] }
}
type Kind = (typeof KINDS)[keyof typeof KINDS]

/** The Events of what holds now. */
export function standingOfNamespace(entry: NamespaceEntry, settings: Settings, times: Times): EventDraft[] {
  const { protection, should, overrides } = entry
  const events = overrides.map((one) =>
    event(entry, KINDS[one.key], openSentence(entry.view.name, one), `${one.until}/${bucket(0, settings, times)}`),
  )
  if (should.status !== 'False') return events
  const reason = protection === 'audit' ? 'WouldBeUncovered' : 'Uncovered'
  return [...events, event(entry, reason, should.message, occasion(should, settings, times))]
}

const short = (key: string) => key.slice(key.indexOf('/') + 1)
const opened = (condition: CoveredCondition | undefined): readonly string[] => condition?.open?.split(', ') ?? []

const bucket = (since: number, { events }: Settings, { cluster }: Times): number =>
  Math.max(0, Math.floor((cluster - since) / (events.repeatMinutes * 60_000)))
const occasion = ({ lastTransitionTime }: CoveredCondition, settings: Settings, times: Times): string =>
  `${lastTransitionTime}/${bucket(Date.parse(lastTransitionTime), settings, times)}`

const event = ({ view }: NamespaceEntry, reason: EventDraft['reason'], note: string, when: string): EventDraft => ({
  reason,
  name: view.name,
  uid: view.uid,
  note,
  occasion: when,
})

const sentence = ({ view, should }: NamespaceEntry): string =>
  `namespace ${view.name} is not covered: ${should.message}`

const openSentence = (namespace: string, { key, why, until }: Override): string =>
  `namespace ${namespace}: ${key} holds until ${new Date(until).toISOString()}: ${why}`

const evidence = ({ area, should }: NamespaceEntry): Finding['evidence'] => {
  const nodes = [...area.blind.keys()].sort()
  return {
    reason: should.reason,
    reach: area.nodes.size,
    blind: area.blind.size,
    nodes: nodes.slice(0, NAMES),
    ...(nodes[0] !== undefined && { mend: area.blind.get(nodes[0])?.mend.replaceAll('NAMESPACE', 'the namespace') }),
  }
}
