/** The Events that the rule pipeline writes about its Pod: one table. docs/reference/ids-agent.md shows it; a test compares. */

export const IDS_RULE_EVENTS = {
  RulesChanged: { type: 'Normal', sentence: 'Another set of rules is in use, and Suricata was seen to run it.' },
  RulesRefused: {
    type: 'Warning',
    sentence: 'A set of rules or a file of a ConfigMap is not taken; what was in use stays.',
  },
  RulesTakenBack: {
    type: 'Warning',
    sentence: 'A reload did not do what it should; the last good set was put back, and Suricata was seen to run it.',
  },
  RulesUnverified: { type: 'Warning', sentence: 'Nothing shows which rules Suricata runs: the Pod is not Ready.' },
  SourceRefused: { type: 'Warning', sentence: 'The source could not be asked, or what it gives is not believed.' },
} as const satisfies Record<string, { type: 'Normal' | 'Warning'; sentence: string }>
export type IdsRuleEvent = keyof typeof IDS_RULE_EVENTS
