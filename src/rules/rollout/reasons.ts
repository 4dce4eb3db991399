/**
 * Why a release goes on, waits, is held or goes back: one table. docs/reference/rollout.md shows it; a test compares.
 * `person`: it stays so until somebody does what `remedy` says.
 */
export interface RolloutReason {
  readonly sentence: string
  readonly remedy: string
  readonly person: boolean
}
const nothing = 'Nothing.'

export const ROLLOUT_REASONS = {
  FirstRelease: {
    sentence:
      'The first release of the installation goes to all Pods at once: until then they run the older baseline of their image.',
    remedy: nothing,
    person: false,
  },
  NewRelease: { sentence: 'A newer release was verified and passed its trial.', remedy: nothing, person: false },
  PinnedRelease: { sentence: 'The pinned release begins its rollout.', remedy: nothing, person: false },
  Superseded: {
    sentence: 'A newer release came in mid-rollout: it begins at the first stage, the other is dropped.',
    remedy: nothing,
    person: false,
  },
  StageStood: { sentence: 'The stage was watched long enough and stood.', remedy: nothing, person: false },
  StageLate: {
    sentence: 'The stage was watched four times as long as it should; those who are behind are not waited for.',
    remedy: 'Look at the namespaces that are behind.',
    person: false,
  },
  StageEmpty: { sentence: 'No Pod falls into the share.', remedy: nothing, person: false },
  Finished: { sentence: 'All stages stood: the release is current.', remedy: nothing, person: false },
  Resumed: { sentence: 'An operator let it go on.', remedy: nothing, person: false },
  Released: { sentence: 'It is no longer held back.', remedy: nothing, person: false },

  NotTried: { sentence: 'The release waits for its trial on the bench.', remedy: nothing, person: false },
  Soaking: { sentence: 'The stage is being watched.', remedy: nothing, person: false },
  Listening: {
    sentence: 'The service has not listened long enough to know what the Pods run.',
    remedy: nothing,
    person: false,
  },
  StageBehind: {
    sentence: 'Too few namespaces of the stage run the release yet.',
    remedy: 'Look at the namespaces that are behind; after four soak times it goes on without them.',
    person: false,
  },
  Frozen: {
    sentence: 'Releases are frozen: none is taken and no further stage begins.',
    remedy: 'Wait until it ends, or `sekisho rules freeze off`.',
    person: false,
  },
  OrdersUnreadable: {
    sentence: 'The orders of the operators cannot be read: no release is taken and no further stage begins.',
    remedy: 'Give the order anew (`sekisho rules pin`, `unpin`, `freeze`), which replaces what cannot be read.',
    person: true,
  },
  PinNotKept: {
    sentence: 'The pinned version is not here: the source is asked for it.',
    remedy: 'Look at the last fetch; `sekisho rules unpin`, or pin a version that is kept.',
    person: true,
  },
  PinHeld: {
    sentence: 'The pinned version was held back or taken back after it was pinned.',
    remedy: '`sekisho rules pin` it once more to try it again, or `sekisho rules unpin`.',
    person: true,
  },

  TrialHeld: {
    sentence: 'On the bench it blocks good requests that pass now, or lets pass attacks that are stopped now.',
    remedy:
      'Read the detail; `sekisho rules pin VERSION` takes it all the same. A newer release or engine is tried by itself.',
    person: true,
  },
  TrialRefused: {
    sentence: 'The engine does not take it.',
    remedy: 'Wait for a newer release, or install a newer Sekisho: another engine tries it again.',
    person: true,
  },
  EnginesFailing: {
    sentence: 'The engines of too many Pods or namespaces refuse it: it was taken back everywhere.',
    remedy:
      'Read the detail; `sekisho rules resume VERSION` lets it be taken again. A newer release is taken by itself.',
    person: true,
  },
  NamespaceFailing: {
    sentence: "A namespace's engines refuse it: that namespace stays with the release before, the rollout goes on.",
    remedy: 'Look at the WafPolicy and the Pods of the namespace; `sekisho rules resume` tries it again there.',
    person: true,
  },
  CanaryFailing: {
    sentence: 'The engines of a canary namespace refuse it.',
    remedy: 'Read the detail; then `sekisho rules resume` or `sekisho rules rollback`.',
    person: true,
  },
  NothingProven: {
    sentence: 'No Pod of the stage runs it, and namespaces refuse it.',
    remedy: 'Read the detail; then `sekisho rules resume` or `sekisho rules rollback`.',
    person: true,
  },
  BlockedShareChanged: {
    sentence: 'In some workload its Pods block another share of the requests than those with the release before.',
    remedy: 'Look at what is blocked there; then `sekisho rules resume` or `sekisho rules rollback`.',
    person: true,
  },

  PodsFailing: {
    sentence: 'The engines of some Pods refuse what they should run; they go on with what they ran before.',
    remedy: '`kubectl -n NAMESPACE logs POD -c sekisho-waf` says why; `kubectl describe wafpolicy` what is asked.',
    person: true,
  },
  FetchRefused: {
    sentence: 'What the source gives is not taken, or it has not answered for a day.',
    remedy: 'docs/reference/rule-sources.md has each reason and what mends it.',
    person: true,
  },
  ServiceSilent: {
    sentence: 'The service has not written its state for long; Pods go on with what they run.',
    remedy: '`kubectl -n sekisho-system get pods,lease` and the log of `sekisho-rules`.',
    person: true,
  },
  StateUnreadable: {
    sentence: 'The state of the rollout cannot be read.',
    remedy: 'docs/runbooks/rules-held.md, "The state cannot be read".',
    person: true,
  },

  RolledBack: {
    sentence: 'An operator took it back.',
    remedy: '`sekisho rules resume VERSION`, to take it again.',
    person: false,
  },
  PinnedOlder: {
    sentence: 'An older release was pinned: all Pods go back to it at once.',
    remedy: nothing,
    person: false,
  },
  PinnedOther: {
    sentence: 'Another release is pinned: the rollout of this one is dropped.',
    remedy: nothing,
    person: false,
  },

  Done: { sentence: 'The order was carried out.', remedy: nothing, person: false },
  NothingToGoBackTo: {
    sentence: 'There is no release before this one.',
    remedy: 'Name one that is kept: `sekisho rules rollback --to VERSION`; `sekisho rules status` lists them.',
    person: true,
  },
  NotKept: {
    sentence: 'That version is not kept.',
    remedy: '`sekisho rules pin VERSION` fetches it; `sekisho rules status` lists those that are kept.',
    person: true,
  },
  NotOlder: {
    sentence: 'That version is not older than the current one.',
    remedy: 'Use `sekisho rules pin VERSION`, which rolls it out in stages.',
    person: true,
  },
  PinnedElsewhere: {
    sentence: 'Another version is pinned.',
    remedy: '`sekisho rules unpin` first, or pin the version to go back to.',
    person: true,
  },
  NothingToResume: {
    sentence: 'Nothing is halted, set aside or held back that the order could mean.',
    remedy: '`sekisho rules status` says what there is.',
    person: true,
  },
} as const satisfies Record<string, RolloutReason>
export type RolloutReasonCode = keyof typeof ROLLOUT_REASONS
