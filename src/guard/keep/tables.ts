/** Every Event and every finding of the guard's loop. docs/reference/guard-loop.md shows both tables; a test compares. */
import type { Finding } from '../../api/finding.ts'

export const EVENTS = {
  Uncovered: { type: 'Warning', on: 'Namespace', sentence: 'A node that its Pods can land on is blind.' },
  Covered: { type: 'Normal', on: 'Namespace', sentence: 'Every node that its Pods can land on is covered again.' },
  WouldBeUncovered: {
    type: 'Warning',
    on: 'Namespace',
    sentence: 'The namespace is in audit: with `sekisho.dev/protected: "true"` it would not be covered.',
  },
  BreakGlassOpen: {
    type: 'Warning',
    on: 'Namespace',
    sentence: '`sekisho.dev/break-glass` holds: its Pods may run on blind nodes.',
  },
  UncoveredAllowed: {
    type: 'Warning',
    on: 'Namespace',
    sentence: '`sekisho.dev/allow-uncovered` holds: its Pods may run on blind nodes.',
  },
  UnwatchedPods: {
    type: 'Warning',
    on: 'Namespace',
    sentence: 'Pods of the namespace run on a node that became blind.',
  },
  StaticPod: {
    type: 'Warning',
    on: 'Namespace',
    sentence: 'A static Pod of a node runs in the namespace: no admission ever saw it.',
  },
  IdsNotReady: { type: 'Warning', on: 'Node', sentence: 'The IDS of the node is not Ready: the node is tainted.' },
  IdsReady: { type: 'Normal', on: 'Node', sentence: 'The taint is taken off.' },
  IdsLost: {
    type: 'Warning',
    on: 'Node',
    sentence: 'The IDS is away for longer than `loss` allows: the policy decided.',
  },
} as const satisfies Record<string, { type: 'Normal' | 'Warning'; on: 'Namespace' | 'Node'; sentence: string }>
export type EventReason = keyof typeof EVENTS

export const FINDINGS = {
  NodeBlind: {
    severity: 'medium',
    sentence: 'A node that protected Pods can land on is not watched, and was tainted.',
  },
  IdsLost: { severity: 'high', sentence: 'A node was blind for so long that `loss.policy` decided about its taint.' },
  NamespaceUncovered: { severity: 'high', sentence: 'A protected namespace can reach a node that is blind.' },
  BreakGlassOpen: { severity: 'high', sentence: 'Break-glass is open on a protected namespace.' },
  UncoveredAllowed: { severity: 'medium', sentence: 'A protected namespace is allowed to be uncovered for a time.' },
  StaticPod: { severity: 'high', sentence: 'A static Pod runs in a protected namespace.' },
} as const satisfies Record<string, { severity: Finding['severity']; sentence: string }>
export type FindingKind = keyof typeof FINDINGS

/** An Event to be written. */
export interface EventDraft {
  readonly reason: EventReason
  /** The name of the Namespace or Node it is about, with its uid. */
  readonly name: string
  readonly uid: string
  readonly note: string
  /** The same occasion makes the same Event, whoever leads: when it began, and how often it was told since. */
  readonly occasion: string
}

/** What is told when something was decided. */
export interface Tidings {
  readonly findings: readonly Finding[]
  readonly events: readonly EventDraft[]
}

/** A finding of the guard. Its id is what it is about, so that the same one is told again by the same id, and resolved by it. */
export function finding(
  kind: FindingKind,
  action: string,
  subject: Finding['subject'],
  why: string,
  evidence: Finding['evidence'],
  now: number,
): Finding {
  const about = [subject.node, subject.namespace, subject.pod].filter((part) => part !== undefined).join('/')
  const { severity } = FINDINGS[kind]
  return {
    id: `guard/${kind}/${about}`,
    time: new Date(now).toISOString(),
    source: 'guard',
    kind,
    severity: action === 'resolved' ? 'info' : severity,
    action,
    subject,
    evidence,
    why,
  }
}
