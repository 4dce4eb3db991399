/**
 * What becomes of a trial, and what it waits for: one table. docs/reference/rule-trials.md shows it; a test compares.
 * `again`: whether the same content may be tried once more after a while, since the reason need not lie in it.
 */
interface Entry {
  /** `waits`: no verdict; the trial goes on by itself once the reason is gone. */
  readonly verdict: 'passed' | 'held' | 'refused' | 'waits'
  readonly sentence: string
  readonly remedy: string
  readonly again: boolean
}

export const OUTCOMES = {
  Passed: {
    verdict: 'passed',
    sentence: 'The engine serves it, and it decides on the corpus as it should.',
    remedy: 'Nothing.',
    again: false,
  },
  EngineRefused: {
    verdict: 'refused',
    sentence: "The WAF does not take it; the detail begins with the WAF's own reason.",
    remedy: 'Mend what the detail names; the set that stands stays.',
    again: false,
  },
  RuleCountDiffers: {
    verdict: 'refused',
    sentence: 'The engine loaded another number of rules than were compiled.',
    remedy: 'Look in the rules for what the engine skips in silence; report it, if a release has it.',
    again: false,
  },
  LetsAttackPass: {
    verdict: 'held',
    sentence: 'Attacks reach the application that the set that stands stops.',
    remedy:
      'For a release: wait for the next, or pin the one that stands. For own rules and exclusions: make them narrower.',
    again: false,
  },
  BlocksGoodTraffic: {
    verdict: 'held',
    sentence: 'Harmless requests are blocked that the set that stands lets pass.',
    remedy:
      'For a release: wait for the next, or pin the one that stands. For own rules: look for one that matches everything.',
    again: false,
  },
  TimedOut: {
    verdict: 'refused',
    sentence: 'Twice the trial was not over within `bench.timeoutSeconds`.',
    remedy: 'Give the bench more CPU or raise `bench.timeoutSeconds`, unless a rule of the set is that slow.',
    again: true,
  },
  EngineDied: {
    verdict: 'refused',
    sentence: 'With this set the engine ended or gave no answer, more than once.',
    remedy: 'Look at the log of the container `bench`; give it more memory, if it was ended for that.',
    again: true,
  },
  Superseded: {
    verdict: 'held',
    sentence:
      'It was not tried, since a newer candidate of the same target, or too many others of its namespace, came after it.',
    remedy: 'Nothing: the newer one is tried. This says nothing of the content; it may be handed in again.',
    again: true,
  },
  BenchMissing: {
    verdict: 'waits',
    sentence: 'The container `bench` is not there or not ready.',
    remedy: 'Look at the container `bench` of the Pods of sekisho-rules.',
    again: true,
  },
  BenchRefuses: {
    verdict: 'waits',
    sentence: 'The bench refuses the candidate for what is not of its content: signature, sequence, a damaged file.',
    remedy: 'Look whether the container `bench` has the public key of the service; restart the Pod.',
    again: true,
  },
  TryingAgain: {
    verdict: 'waits',
    sentence: 'A trial did not come to an end that can be believed at once; it is done again.',
    remedy: 'Nothing, if it passes; else look at the log of the container `bench`.',
    again: true,
  },
  VolumeFull: {
    verdict: 'waits',
    sentence: 'A candidate cannot be written: the volume shared with the bench is full or read-only.',
    remedy: 'Raise the `sizeLimit` of the volume sekisho-run of sekisho-rules.',
    again: true,
  },
} as const satisfies Record<string, Entry>

export type Outcome = keyof typeof OUTCOMES
type Of<V> = { [K in Outcome]: (typeof OUTCOMES)[K]['verdict'] extends V ? K : never }[Outcome]
/** Reasons of a verdict. */
export type Verdict = Of<'passed' | 'held' | 'refused'>
/** Reasons to wait. */
export type Waiting = Of<'waits'>

/**
 * Codes of waf/lib/reasons.tsv that speak of the bench, not of the content: what was placed is damaged or gone, is not believed, or cannot be
 * written. Any other code is a judgement.
 */
export const NOT_OF_THE_CONTENT: Readonly<Record<string, Waiting>> = {
  NameInvalid: 'BenchRefuses',
  RuleSetMissing: 'BenchRefuses',
  ManifestMissing: 'BenchRefuses',
  ManifestForged: 'BenchRefuses',
  FilesUnlisted: 'BenchRefuses',
  FilesDiffer: 'BenchRefuses',
  NoKeys: 'BenchRefuses',
  BadSignature: 'BenchRefuses',
  WrongNamespace: 'BenchRefuses',
  LowerSequence: 'BenchRefuses',
  NotSigned: 'BenchRefuses',
  CannotWrite: 'VolumeFull',
}

/** Judgements that a busy machine can bring about as well: believed the second time, and not for good. */
export const SHAKY: ReadonlySet<string> = new Set(['BenchFailed', 'ReloadFailed'])
