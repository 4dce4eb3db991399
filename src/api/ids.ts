/**
 * What the agent of a node says of its IDS: the same words in the readiness probe, on the Lease of the node, in the guard's refusals and in
 * `sekisho status coverage`. docs/reference/ids-agent.md has the table of checks; a test compares.
 */

/** Each check with what it means and what mends it, in the order in which they are told: the first that fails is the one that is named. */
export const IDS_CHECKS = {
  AgentStarting: {
    sentence: 'The agent has only begun: nothing is known yet.',
    remedy: 'Wait some seconds; if it stays, look at the log of the container `agent`.',
  },
  AgentSilent: {
    sentence: 'The agent has written nothing for 15 s: it hangs or has ended. The readiness probe says this by itself.',
    remedy: 'Look at the log of the container `agent`, and at its memory limit.',
  },
  SuricataSilent: {
    sentence: 'Suricata does not answer on its command socket: it starts, hangs, or has ended.',
    remedy: 'Look at the log of the container `suricata`.',
  },
  RulesFailed: {
    sentence: 'Suricata could not load some of the rules.',
    remedy: 'Look at the log of the container `suricata`: it names their lines.',
  },
  RulesTooFew: {
    sentence: 'Fewer rules are active than the set has or than the settings ask for.',
    remedy: 'Look at the Events of the Pod and at `rules` in the configuration of the agent.',
  },
  RulesTooOld: {
    sentence: 'For longer than the settings allow nobody confirmed that the rules are the newest.',
    remedy:
      'Look at the Events of the Pod: they say why the source cannot be read. `rules.maximumAgeHours: 0` takes the limit away.',
  },
  ReloadUnverified: {
    sentence: 'Rules were placed and nothing shows that Suricata runs them, nor those before.',
    remedy: 'Delete the Pod: it begins with the rules of its image.',
  },
  InterfaceMissing: {
    sentence: 'An interface that should be captured is not there or is not captured yet.',
    remedy: 'Wait some seconds after a new bridge; else look at `SEKISHO_IDS_INTERFACES` of the container `suricata`.',
  },
  PacketsNotAdvancing: {
    sentence: 'An interface carried packets and Suricata saw none of them.',
    remedy: 'Look at the log of the container `suricata`; delete the Pod if it stays.',
  },
  DropsOverBudget: {
    sentence: 'The kernel dropped more of the packets of an interface than the settings allow, for a minute.',
    remedy: 'Give the container `suricata` more CPU and `SEKISHO_IDS_THREADS`, or raise `drops.budgetPercent`.',
  },
  CanaryLost: {
    sentence: 'The packet that must raise an alert was sent on an interface, and no alert came within the period.',
    remedy:
      'Look at the log of the container `suricata`, whether something filters UDP on the node, and whether the interface has an address: one without any can be proven by nobody; leave it out with `SEKISHO_IDS_INTERFACES` or `SEKISHO_IDS_IGNORE`.',
  },
} as const satisfies Record<string, { readonly sentence: string; readonly remedy: string }>
export type IdsCheck = keyof typeof IDS_CHECKS

/** One interface that is captured. */
export interface IdsInterfaceReport {
  readonly name: string
  /** Since Suricata started. */
  readonly packets: number
  readonly drops: number
  /** Seconds since its canary was caught; -1: never. */
  readonly canary: number
}

/** What stands on the Lease in the annotation `sekisho.dev/ids-report`, as JSON. Readers leave unknown fields alone. */
export interface IdsReport {
  readonly v: 1
  readonly ready: boolean
  /** The first check that fails; '' while ready. */
  readonly check: IdsCheck | ''
  /** One line with its number: `no alert for the canary on cni0 for 72 s (limit 65 s)`. At most 300 characters. */
  readonly detail: string
  /** Active rules: how many, which set (first 12 digits of its sha256, or `baseline`), hours since it was confirmed as the newest. */
  readonly rules: { readonly loaded: number; readonly failed: number; readonly set: string; readonly ageHours: number }
  readonly interfaces: readonly IdsInterfaceReport[]
  /** What this IDS cannot see, a sentence each: `traffic between Pods of this node passes no bridge (…)`. */
  readonly blindSpots: readonly string[]
  readonly version: string
}

/** How many TCP flows ended by the address of this node's side, and how many of them were TLS, so that nobody could look into them: the largest 200. */
export interface IdsFlows {
  readonly v: 1
  /** Over how many minutes, 60 at most. */
  readonly minutes: number
  readonly flows: readonly (readonly [address: string, flows: number, tls: number])[]
}

/** A Lease of an agent, cut down. Its name is the node's. */
export interface IdsLeaseView {
  readonly node: string
  /** The Pod of the agent that wrote it: what it says counts for this Pod alone. */
  readonly pod: string
  /** undefined: unreadable, which says nothing. */
  readonly report: IdsReport | undefined
}
