/**
 * What the answer to a WafPolicy or a ConfigMap with rules can be, and what its conditions can say: codes to count, a sentence, a remedy.
 * docs/reference/waf-policy.md shows the same tables; a test compares. What is wrong with an exclusion or a setting has the codes of
 * compile/problem.ts.
 */

export interface Reason {
  readonly sentence: string
  /** `–` where nothing has to be mended. */
  readonly remedy: string
}
const NOTHING = '–'

export const POLICY_REASONS = {
  PolicyAccepted: { sentence: 'The policy keeps within what the platform allows.', remedy: NOTHING },
  BreakGlassOpened: {
    sentence: 'Somebody who has the right to open set or prolonged `spec.breakGlass`.',
    remedy: NOTHING,
  },
  BreakGlassRecorded: { sentence: 'Who opened was written into `spec.breakGlass.by`.', remedy: NOTHING },
  BelowFloor: {
    sentence: 'The mode is lower than the platform allows.',
    remedy: 'Set `spec.mode: block`, or leave it out.',
  },
  TooManyExclusions: {
    sentence: 'There are more exclusions in the policy than the platform takes.',
    remedy: 'Take out what is no longer needed, or let the platform raise `policy.exclusions.most`.',
  },
  AboveLimit: {
    sentence: 'A limit is higher than the platform’s own.',
    remedy: 'Lower it; the message says to what.',
  },
  BreakGlassForbidden: {
    sentence: 'The platform allows no break-glass.',
    remedy: 'Take `spec.breakGlass` out; exclude the rule that refuses good requests.',
  },
  BreakGlassTooLong: {
    sentence: '`spec.breakGlass.until` is over, no time, or further ahead than the platform allows.',
    remedy: 'Write a time within the hours that the message says.',
  },
  MayNotOpen: {
    sentence: 'Break-glass is set, prolonged or widened by somebody who may not open.',
    remedy: 'Ask somebody who may `open` `wafpolicies.sekisho.dev`, or have the role bound.',
  },
  ByForged: {
    sentence: '`spec.breakGlass.by` is not who asks: the mutating entry writes it, and somebody changed it after.',
    remedy: 'Leave it out; look which other webhook changes WafPolicies.',
  },
  RulesAccepted: { sentence: 'The rules of the ConfigMap can be read and are allowed.', remedy: NOTHING },
  RulesRefused: {
    sentence: 'A rule of the ConfigMap cannot be read, does not do what it says, or is not allowed.',
    remedy: 'Mend the lines that are named.',
  },
} as const satisfies Record<string, Reason>
export type PolicyReason = keyof typeof POLICY_REASONS

export const CONDITION_REASONS = {
  Accepted: { sentence: 'What the policy says is published.', remedy: NOTHING },
  Waiting: {
    sentence: 'Nothing is published for its Pods yet.',
    remedy: 'If it stays, look at `sekisho rules status`: is there a release?',
  },
  Trying: { sentence: 'What it says is being tried on the engine.', remedy: NOTHING },
  Refused: {
    sentence: 'Nothing can be made of what the policy or its rules say.',
    remedy: 'Mend what the message names, as `FILE:LINE` or field.',
  },
  EngineRefused: {
    sentence: 'The engine does not load what was made of it.',
    remedy: 'Mend the rule that the message names.',
  },
  Held: {
    sentence: 'With it an attack passes that was stopped, or a good request is refused that passed.',
    remedy: 'Mend the rule or exclusion; the message names the request.',
  },
  Enforced: { sentence: 'Every Pod that follows the policy runs what is published.', remedy: NOTHING },
  Pending: { sentence: 'Some Pods do not run it yet.', remedy: 'Wait for their next poll.' },
  Failed: {
    sentence: 'Some Pods could not take it, and run what they had.',
    remedy: 'Look at the code in the message (docs/reference/waf.md), and at the log of `sekisho-waf`.',
  },
  OutdatedEngine: {
    sentence: 'Some Pods have an engine on which it was not tried.',
    remedy: 'Restart them, so that they get the newer sidecars.',
  },
  BreakGlass: { sentence: 'Break-glass is open: nothing is refused.', remedy: 'Take `spec.breakGlass` out to end it.' },
  NoPods: { sentence: 'No protected Pod follows the policy.', remedy: 'Look at `spec.selector`.' },
  NoConflict: { sentence: 'No older policy selects its Pods.', remedy: NOTHING },
  OlderPolicy: {
    sentence: 'An older policy selects some of its Pods, which follow that one.',
    remedy: 'Narrow one of the selectors.',
  },
} as const satisfies Record<string, Reason>
export type ConditionReason = keyof typeof CONDITION_REASONS
