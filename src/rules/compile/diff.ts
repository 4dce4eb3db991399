/** Two rule sets beside each other, rule by rule: what a person wants to know of a new release. The version in each rule is no difference. */
import type { Catalogue, CatalogueRule } from '../language/catalogue.ts'
import { actionName } from '../language/parse-actions.ts'
import { printAction, printOperator, printVariables } from '../language/print.ts'

export interface RuleLine {
  readonly id: number
  readonly message: string | undefined
}
export interface ChangedRule extends RuleLine {
  /** `variables`, `operator`, or names of actions. */
  readonly parts: readonly string[]
}
export interface Difference {
  readonly added: readonly RuleLine[]
  readonly removed: readonly RuleLine[]
  readonly changed: readonly ChangedRule[]
}

/** Part → what stands in it, over all rules of the chain. */
function partsOf({ nodes }: CatalogueRule): Map<string, string> {
  const parts = new Map<string, string>()
  const add = (name: string, text: string) => parts.set(name, `${parts.get(name) ?? ''}${text}\n`)
  for (const [index, node] of nodes.entries()) {
    if (node.kind === 'rule') {
      add('variables', printVariables(node.variables))
      add('operator', printOperator(node.operator))
    }
    for (const action of node.actions) {
      const name = actionName(action.name) ?? action.name
      // In a chain it counts in which rule an action stands.
      if (name !== 'ver' && name !== 'rev') add(name, `${index} ${printAction({ ...action, name, quote: '' })}`)
    }
  }
  return parts
}

const line = ({ id, message }: CatalogueRule): RuleLine => ({ id, message })
const byId = (a: { readonly id: number }, b: { readonly id: number }): number => a.id - b.id
const without = (rules: Catalogue, others: Catalogue): RuleLine[] =>
  [...rules.byId.values()]
    .filter(({ id }) => !others.byId.has(id))
    .map(line)
    .sort(byId)

export function difference(before: Catalogue, after: Catalogue): Difference {
  const changed = [...after.byId.values()].flatMap((rule): ChangedRule[] => {
    const old = before.byId.get(rule.id)
    if (old === undefined) return []
    const [was, is] = [partsOf(old), partsOf(rule)]
    const parts = [...new Set([...was.keys(), ...is.keys()])].filter((part) => was.get(part) !== is.get(part))
    return parts.length === 0 ? [] : [{ ...line(rule), parts }]
  })
  return { added: without(after, before), removed: without(before, after), changed: changed.sort(byId) }
}
