/** The numbers of the checks. Those that a platform may choose come from its configuration; the others are here. All times are seconds. */

export interface IdsLimits {
  /** How often a canary is sent, and how long its alert may take. */
  readonly canaryPeriod: number
  readonly canaryAnswer: number
  /** Per cent of an interface's packets that the kernel may drop in a minute; 100: never judged. */
  readonly dropBudget: number
  /** For how long nobody need have confirmed the rules; 0: without limit. */
  readonly maximumRuleAge: number
}

/** For so long an interface may carry packets of which Suricata sees none … */
export const PACKETS_WINDOW = 30
/** … if they are at least so many: an idle interface is no fault. */
export const PACKETS_CARRIED = 100
/** The same before Suricata has seen its first packet there. */
export const FIRST_PACKETS_CARRIED = 10
/** Over so long drops are counted, and fewer packets than this tell nothing. */
export const DROPS_WINDOW = 60
export const DROPS_PACKETS = 100
/** A missed canary is followed by another one after this. */
export const CANARY_AGAIN = 2
/** Canaries of one interface that may be on their way: the oldest is forgotten. */
export const CANARIES_PENDING = 32
