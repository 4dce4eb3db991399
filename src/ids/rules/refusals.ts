/**
 * Why a set of rules is not taken into use: one table. docs/reference/ids-agent.md shows it; a test compares. `passing`: the same rules may well
 * be taken a little later. What a source answers instead of rules has the reasons of docs/reference/rule-sources.md.
 */

export const SET_REFUSALS = {
  FileRefused: {
    sentence: 'A file of a ConfigMap is left out as a whole; its last good version, if there was one, stays in use.',
    remedy: 'Mend the line that the Event names; `sekisho.dev/rules: ids` ConfigMaps are read again at once.',
    passing: false,
  },
  UpdateFailed: {
    sentence: 'suricata-update could not make one set of the archive and the files.',
    remedy: 'Look at its last line in the Event; filters with a mistake are the usual cause.',
    passing: true,
  },
  EmptySet: {
    sentence: 'No rule of the set is active: files of comments only, or filters that switch all of them off.',
    remedy: 'Look at `disable.conf`, and at what the source serves.',
    passing: false,
  },
  TooFewRules: {
    sentence: 'The fetched set has fewer active rules than `rules.minimumRules`.',
    remedy: 'Lower `rules.minimumRules`, if the source really is that small.',
    passing: false,
  },
  ShrunkTooMuch: {
    sentence: 'The set has far fewer active rules than the one in use.',
    remedy: 'Raise `rules.shrinkPercent`, if they were really taken out.',
    passing: false,
  },
  ResultRefused: {
    sentence: 'A filter made of a rule what rules of ConfigMaps may not be.',
    remedy: 'Mend the line of `modify.conf`, or let `rules.allow` have it.',
    passing: false,
  },
  EngineRefused: {
    sentence: 'Suricata itself refuses a rule of the set (`suricata -T`).',
    remedy: 'Mend the rule, or switch its sid off in `disable.conf`.',
    passing: false,
  },
  TestEnded: {
    sentence: 'The test was killed before it came to an end: the memory limit of the container `agent`, most likely.',
    remedy: 'Raise that memory limit: 30,000 rules take some 250 MiB.',
    passing: true,
  },
  TestTimedOut: {
    sentence: 'The set could not be made and tested in time.',
    remedy: 'Nothing, if it passes; else give the container `agent` more CPU.',
    passing: true,
  },
  PlaceFailed: {
    sentence: 'The set could not be written.',
    remedy: 'Look at the size limit of the volumes of the Pod.',
    passing: true,
  },
  ReloadUnproven: {
    sentence: 'Suricata was told to load the set, and nothing showed that it runs it; the last good set was put back.',
    remedy:
      'Look at the log of the container `suricata`, and at its memory limit: both sets are in memory for a while.',
    passing: true,
  },
} as const satisfies Record<string, { sentence: string; remedy: string; passing: boolean }>
export type SetRefusalCode = keyof typeof SET_REFUSALS

/** Ends the way of a set. The message is one sentence with the value at fault. */
export class SetRefusal extends Error {
  override readonly name = 'SetRefusal'
  readonly code: SetRefusalCode
  /** The rules that are at fault, as they stand in the set, where they are known. */
  readonly rules: readonly string[]
  constructor(code: SetRefusalCode, message: string, rules: readonly string[] = [], options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.rules = rules
  }
}
