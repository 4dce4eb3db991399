/** What is told of a node when its taint changes, and while it stands. */
import type { Finding } from '../../api/finding.ts'
import type { GuardConfig } from '../../config/guard.ts'
import { TAINT_REASONS } from './decide.ts'
import type { NodeEntry } from './node-book.ts'
import { type EventDraft, finding, type Tidings } from './tables.ts'
import { taintedSince, taintForm } from './taint.ts'
import type { Times } from './views.ts'

type Settings = Pick<GuardConfig, 'loss' | 'events'>

/** Told together with the write from how the taint is to how it should be. */
export function nodeTidings(entry: NodeEntry, settings: Settings, times: Times): Tidings {
  const { view, decision } = entry
  const is = taintForm(view.taints)
  const node = view.name
  if (decision.form !== 'none') {
    const events = [standing(entry, decision.form, settings, times)]
    const told = (kind: 'NodeBlind' | 'IdsLost', action: string) =>
      finding(kind, action, { node }, `node ${node}: ${why(entry)}`, evidence(entry), times.cluster)
    if (decision.form === 'on') return { findings: [told('NodeBlind', 'tainted')], events }
    return { findings: [told('IdsLost', decision.form)], events }
  }
  if (is === 'none') return { findings: [], events: [] }
  const over = decision.reason === '' ? '' : TAINT_REASONS[decision.reason as keyof typeof TAINT_REASONS]
  return {
    findings: resolved(entry, over, times),
    events: [{ reason: 'IdsReady', name: node, uid: view.uid, note: over, occasion: `${taintedSince(view.taints)}` }],
  }
}

/** What is over with a node that is gone: one that joins by the same name is told of anew. */
export const nodeGone = (entry: NodeEntry, times: Times): readonly Finding[] =>
  taintForm(entry.view.taints) === 'none' ? [] : resolved(entry, 'it does not exist any more', times)

function resolved(entry: NodeEntry, why: string, { cluster }: Times): readonly Finding[] {
  const { name: node, taints } = entry.view
  const is = taintForm(taints)
  const kinds = is === 'kept' || is === 'waived' ? (['NodeBlind', 'IdsLost'] as const) : (['NodeBlind'] as const)
  return kinds.map((kind) => finding(kind, 'resolved', { node }, `node ${node}: ${why}`, evidence(entry), cluster))
}

/** The Event of a node that bears our taint now. */
export function standingOfNode(entry: NodeEntry, settings: Settings, times: Times): EventDraft[] {
  const is = taintForm(entry.view.taints)
  if (is === 'none' || is === 'other' || entry.sight.kind !== 'blind') return []
  return [standing(entry, is, settings, times)]
}

function standing(entry: NodeEntry, form: 'on' | 'kept' | 'waived', settings: Settings, times: Times): EventDraft {
  const { view } = entry
  const since = taintedSince(view.taints) ?? times.cluster
  const told = Math.max(0, Math.floor((times.cluster - since) / (settings.events.repeatMinutes * 60_000)))
  return {
    reason: form === 'on' ? 'IdsNotReady' : 'IdsLost',
    name: view.name,
    uid: view.uid,
    note: form === 'on' ? `new Pods are kept off: ${why(entry)}` : `${DECIDED[form]}: ${why(entry)}`,
    occasion: `${Math.floor(since / 1000)}/${told}`,
  }
}

const DECIDED = {
  kept: 'away for too long, and by loss.policy: keep the taint stays',
  waived:
    'away for too long, and by loss.policy: remove new Pods are not kept off any more; the gate at the binding still holds',
} as const

const why = ({ sight }: NodeEntry): string => (sight.kind === 'blind' ? sight.why : 'its IDS is being looked at')

const evidence = ({ sight, view, history }: NodeEntry): Finding['evidence'] => ({
  ...(sight.kind === 'blind' && { reason: sight.reason, mend: sight.mend }),
  nodeReady: view.ready,
  cordoned: view.unschedulable,
  lossesInWindow: history.losses.length,
})
