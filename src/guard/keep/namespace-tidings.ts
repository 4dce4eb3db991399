/** What is told of a namespace when its condition changes or something opens it, and while that lasts. */
import type { Finding } from '../../api/finding.ts'
import { ANNOTATION } from '../../api/names.ts'
import type { GuardConfig } from '../../config/guard.ts'
import type { Override } from '../overrides.ts'
import type { CoveredCondition } from './condition.ts'
import { type NamespaceEntry, openText } from './namespace-entry.ts'
import { type EventDraft, type FindingKind, finding, type Tidings } from './tables.ts'
import type { Times } from './views.ts'

type Settings = Pick<GuardConfig, 'events'>

/** The findings that stand about a namespace, each with its occasion: told again when that changes, resolved when it is gone. */
export type Standing = ReadonlyMap<FindingKind, string>
export const NOTHING_STANDS: Standing = new Map()

const KINDS = { [ANNOTATION.breakGlass]: 'BreakGlassOpen', [ANNOTATION.allowUncovered]: 'UncoveredAllowed' } as const
const OVERRIDES = [ANNOTATION.breakGlass, ANNOTATION.allowUncovered] as const
const NAMES = 10

/** What stands now. Of a namespace in audit only Events are made. While nothing is known, what stood before stays. */
export function standingNow({ protection, should, overrides }: NamespaceEntry, before: Standing): Standing {
  if (protection !== 'true') return NOTHING_STANDS
  const uncovered = should.status === 'False' || (should.status === 'Unknown' && before.has('NamespaceUncovered'))
  return new Map<FindingKind, string>([
    ...(uncovered ? [['NamespaceUncovered', ''] as const] : []),
    ...overrides.map((one) => [KINDS[one.key], openText(one)] as const),
  ])
}

/** What stood when the condition was written, as far as it says: for who leads after another. */
export function standingIn(condition: CoveredCondition | undefined): Standing {
  const open = condition?.open?.split(', ') ?? []
  return new Map<FindingKind, string>([
    ...(condition?.status === 'False' ? [['NamespaceUncovered', ''] as const] : []),
    ...open.flatMap((text) =>
      OVERRIDES.filter((key) => text.startsWith(`${short(key)} `)).map((key) => [KINDS[key], text] as const),
    ),
  ])
}

/** Told together with the write of the condition. */
export function namespaceTidings(
  entry: NamespaceEntry,
  before: Standing,
  now: Standing,
  settings: Settings,
  times: Times,
): Tidings {
  const { view, is, should, overrides } = entry
  const namespace = view.name
  const told = (kind: FindingKind, action: string, why: string, evidence: Finding['evidence']) =>
    finding(kind, action, { namespace }, why, evidence, times.cluster)
  const isNew = (kind: FindingKind) => now.has(kind) && now.get(kind) !== before.get(kind)
  const findings = [
    ...(isNew('NamespaceUncovered') ? [told('NamespaceUncovered', 'detected', sentence(entry), evidence(entry))] : []),
    ...overrides
      .filter(({ key }) => isNew(KINDS[key]))
      .map((one) =>
        told(KINDS[one.key], 'opened', openSentence(namespace, one), { until: new Date(one.until).toISOString() }),
      ),
    ...[...before.keys()].filter((kind) => !now.has(kind)).map((kind) => over(kind, entry, times)),
  ]
  const events = standingOfNamespace(entry, settings, times)
  if (is?.status !== 'False' || should.status !== 'True') return { findings, events }
  return { findings, events: [event(entry, 'Covered', should.message, occasion(should, settings, times)), ...events] }
}

/** What stood about a namespace that is gone or asks for no protection any more. */
export const namespaceLeft = (namespace: string, before: Standing, times: Times): readonly Finding[] =>
  [...before.keys()].map((kind) =>
    finding(kind, 'resolved', { namespace }, `namespace ${namespace}: it is protected no more`, {}, times.cluster),
  )

function over(kind: FindingKind, { view, protection, should }: NamespaceEntry, { cluster }: Times): Finding {
  const key = OVERRIDES.find((one) => KINDS[one] === kind)
  const left = key === undefined ? should.message : `${key} is over`
  const why = protection === 'true' ? left : 'it is in audit'
  return finding(kind, 'resolved', { namespace: view.name }, `namespace ${view.name}: ${why}`, {}, cluster)
}

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
