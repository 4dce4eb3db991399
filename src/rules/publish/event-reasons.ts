/** The Events that `sekisho rules` writes: one table. docs/reference/rules-service.md shows it; a test compares. */

export const EVENTS = {
  Accepted: { type: 'Normal', sentence: 'What the policy and its rules say is published.' },
  Refused: {
    type: 'Warning',
    sentence:
      'Nothing can be made of what the policy or its rules say, or the engine refuses it; what stood before stays.',
  },
  Held: {
    type: 'Warning',
    sentence: 'With it an attack would pass or a good request would be refused; what stood before stays.',
  },
  Enforced: { type: 'Normal', sentence: 'Every Pod that follows the policy runs what is published.' },
  BreakGlassOpened: { type: 'Warning', sentence: 'Break-glass is open: nothing is refused until the time it names.' },
  BreakGlassClosed: { type: 'Normal', sentence: 'Break-glass is over.' },
  FetchRefused: {
    type: 'Warning',
    sentence: 'The source could not be asked, or what it offers is not believed; the current release stays.',
  },
  ReleaseAdopted: { type: 'Normal', sentence: 'A release is current: all Pods get it.' },
  StageBegun: { type: 'Normal', sentence: 'A stage of the rollout of a release begins.' },
  Halted: { type: 'Warning', sentence: 'The rollout goes no further until an operator says so.' },
  Resumed: { type: 'Normal', sentence: 'The rollout goes on.' },
  RolledBack: { type: 'Warning', sentence: 'All Pods go back to the release before.' },
  ReleaseHeld: { type: 'Warning', sentence: 'A release is not taken by itself.' },
  ReleaseFreed: { type: 'Normal', sentence: 'A release is no longer held back.' },
  ReleaseDropped: { type: 'Normal', sentence: 'The rollout of a release ends, since another takes its place.' },
  NamespaceSetAside: {
    type: 'Warning',
    sentence: 'A namespace stays with the release before, since its engines refuse the new one.',
  },
  OrderHandled: { type: 'Normal', sentence: 'An order of an operator was carried out, or cannot be.' },
} as const satisfies Record<string, { type: 'Normal' | 'Warning'; sentence: string }>
export type EventReason = keyof typeof EVENTS
