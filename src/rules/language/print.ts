/** Nodes → the text of a rule file. Reading it again gives the same nodes. */
import type { Action, Node, Operator, Selector, Variable } from './nodes.ts'

const selector = ({ kind, text }: Selector): string =>
  ({ text, regex: `/${text}/`, 'quoted-regex': `'/${text}/'` })[kind]

export const printVariable = ({ prefix, name, selector: part }: Variable): string =>
  `${prefix}${name}${part === undefined ? '' : `:${selector(part)}`}`

export const printVariables = (variables: readonly Variable[]): string => variables.map(printVariable).join('|')

export const printOperator = ({ negated, name, implicit, argument, quoted }: Operator): string => {
  const text = `${negated ? '!' : ''}${implicit ? argument : `@${name}${argument === '' ? '' : ` ${argument}`}`}`
  return quoted ? `"${text}"` : text
}

export const printAction = ({ name, value, quote }: Action): string =>
  value === undefined ? name : `${name}:${quote}${value}${quote}`

const printActions = (actions: readonly Action[]): string => `"${actions.map(printAction).join(',\\\n    ')}"`

const quoted = (text: string, quote: boolean): string => (quote ? `"${text}"` : text)

export const printNode = (node: Node): string => {
  switch (node.kind) {
    case 'comment':
    case 'unread':
      return node.text
    case 'rule':
      return `SecRule ${printVariables(node.variables)} ${printOperator(node.operator)}${
        // The engine would take the line after a rule without actions for its actions, unless that is empty.
        node.actions.length === 0 ? '\n' : ` \\\n    ${printActions(node.actions)}`
      }`
    case 'action':
      return `SecAction \\\n    ${printActions(node.actions)}`
    case 'default-action':
      return `SecDefaultAction ${printActions(node.actions)}`
    case 'script':
      return `SecRuleScript ${node.path} ${printActions(node.actions)}`
    case 'marker':
      return `SecMarker "${node.label}"`
    case 'remove':
      return `SecRuleRemoveBy${node.by} ${quoted(node.subject, node.quoted)}`
    case 'update-targets':
      return `SecRuleUpdateTargetBy${node.by} ${quoted(node.subject, node.quoted)} "${printVariables(node.variables)}"`
    case 'update-actions':
      return `SecRuleUpdateActionById ${quoted(node.subject, node.quoted)} ${printActions(node.actions)}`
    case 'setting':
      return `${node.name}${node.value === '' ? '' : ` ${quoted(node.value, node.quoted)}`}`
  }
}

export const print = (nodes: readonly Node[]): string => nodes.map((node) => `${printNode(node)}\n`).join('')
