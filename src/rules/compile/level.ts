/**
 * The paranoia level as a constant. The policy sets both levels before the first rule of the release, so a rule that begins with
 * `TX:DETECTION_PARANOIA_LEVEL "@lt 2"` either never matches or always does, unless something in the release writes to them as well.
 */
import type { Catalogue } from '../language/catalogue.ts'
import type { ActionNode, RuleNode } from '../language/nodes.ts'
import { actionsOf, setVarOf } from '../language/values.ts'

const LEVELS = ['blocking_paranoia_level', 'detection_paranoia_level']

/** `TX:name` in lower case, of a rule that looks at that alone. */
const onlyTx = ({ variables }: RuleNode, prefix: '' | '&'): string | undefined => {
  const [variable] = variables
  if (variables.length !== 1 || variable!.prefix !== prefix || variable!.name.toLowerCase() !== 'tx') return undefined
  return variable!.selector?.kind === 'text' ? variable!.selector.text.toLowerCase() : undefined
}

/** `SecRule &TX:detection_paranoia_level "@eq 0" "setvar…"`: a default, for where nothing is set. */
const isDefault = (node: RuleNode | ActionNode, level: string): boolean =>
  node.kind === 'rule' &&
  onlyTx(node, '&') === level &&
  !node.operator.negated &&
  node.operator.name === 'eq' &&
  node.operator.argument === '0'

/** The rules that may change a level: then nothing is folded. */
export const levelWriters = ({ rules }: Catalogue): number[] =>
  rules
    .filter(({ nodes }) =>
      nodes.some((node) =>
        actionsOf(node, 'setvar').some((action) => {
          const { collection, name } = setVarOf(action)
          if (collection !== 'tx') return false
          // `tx.%{…}` may be any name, `tx.count_%{…}` only those that begin so.
          const fixed = name.toLowerCase().split('%{', 1)[0]!
          const level = LEVELS.find((one) => (name.includes('%{') ? one.startsWith(fixed) : one === fixed))
          return level !== undefined && !isDefault(nodes[0]!, level)
        }),
      ),
    )
    .map(({ id }) => id)

const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  eq: (a, b) => a === b,
  ge: (a, b) => a >= b,
  gt: (a, b) => a > b,
  le: (a, b) => a <= b,
  lt: (a, b) => a < b,
}

/** Whether the rule matches at this level; undefined where other things decide too. */
export function matchesAtLevel(node: RuleNode | ActionNode, level: number): boolean | undefined {
  if (node.kind !== 'rule' || !LEVELS.includes(onlyTx(node, '') ?? '')) return undefined
  const { name, argument, negated } = node.operator
  const compare = Object.hasOwn(COMPARE, name) ? COMPARE[name] : undefined
  if (compare === undefined || !/^\d$/.test(argument)) return undefined
  return compare(level, Number(argument)) !== negated
}
