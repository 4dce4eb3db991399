/**
 * Who may use which rule ids. The ranges of others are those that ModSecurity's own list of reservations gives them:
 *
 *        100 000 –   199 999   rules of a namespace's own (language/allow.ts)
 *        200 000 –   200 999   the WAF's own, rendered in the Pod (waf/templates/modsecurity.conf)
 *        500 000 –   599 999   made by the compiler; unused by anybody else
 *        900 000 –   999 999   the Core Rule Set
 *      9 500 000 – 9 999 999   its plugins
 */
export const GENERATED_IDS = {
  first: 500_000,
  last: 599_999,
  /** Sets what the policy says. */
  setup: 500_000,
  /** One for each path that has exclusions, in the order of the paths. */
  exclusions: 501_000,
} as const
