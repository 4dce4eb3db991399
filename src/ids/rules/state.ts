/** What the rule pipeline says of itself: facts for the readiness of the agent, and the wiring's interfaces. */

/** The command socket of Suricata, as far as rules need it. Resolves with the `message` of an answer `OK`. @throws for `NOK` and silence */
export interface RuleEngine {
  command(name: string): Promise<unknown>
}

export interface IdsRulesState {
  /** The first 12 digits of the sha256 of the set in use, or `baseline`. */
  readonly set: string
  /**
   * `starting`: nothing was shown yet. `verified`: Suricata runs the set, with `expected` rules. `reloading`: a change is under way, for some
   * minutes at most; what was shown before still runs, or already what comes. `unverified`: nothing shows that Suricata runs a set of ours.
   */
  readonly reload: 'starting' | 'verified' | 'reloading' | 'unverified'
  /** Why `unverified`; else ''. */
  readonly detail: string
  /** How many rules Suricata must have loaded: those of the image and of the set. undefined: not known yet. */
  readonly expected: number | undefined
  /** Whether the set in use holds an archive, so that the least number of rules is asked of it. */
  readonly fetched: boolean
  /** As Suricata said last to the pipeline. */
  readonly loaded: number
  readonly failed: number
  /** Whether age counts: a source is followed, and it has rules. */
  readonly measured: boolean
  /**
   * When it was last confirmed that the rules in use are the newest, in ms of the process's clock that only rises (negative: before it began);
   * where nobody ever did, when the agent began. Whoever sets the node's clock changes no age.
   */
  readonly confirmedAt: number
}

/** What is wrong with the files of ConfigMaps. Where there is much it may tell of the first ones only, by file as given. */
export type JudgeFiles = (files: readonly { readonly name: string; readonly text: string }[]) => readonly {
  readonly file: string
  readonly line: number
  readonly message: string
}[]
