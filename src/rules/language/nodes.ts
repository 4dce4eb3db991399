/**
 * What a rule file is made of.
 *
 *     # a comment                                    comment
 *     SecRule ARGS|!ARGS:q "!@rx ^a$" "id:1,deny"    rule: variables, operator, actions
 *     SecAction "id:2,phase:1,pass"                  action
 *     SecMarker END                                  marker
 *     SecRuleRemoveById 1 3-5                        remove
 *     SecRuleUpdateTargetById 1 "!ARGS:q"            update-targets
 *     SecRuleUpdateActionById 1 "pass"               update-actions
 *     SecDefaultAction "phase:1,pass"                default-action
 *     SecRuleEngine On                               setting
 *
 * Values stand as they are written: nothing is unescaped, since the engine does not either. `at` says where, `from` and `to` are offsets in
 * the file; two trees are the same when they differ in these three alone.
 */

export interface Position {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units. */
  readonly column: number
}

interface Placed {
  readonly at: Position
}
interface Spanned extends Placed {
  readonly from: number
  readonly to: number
}

export interface Selector {
  /** `ARGS:name`, `ARGS:/regex/`, `ARGS:'/regex/'`. */
  readonly kind: 'text' | 'regex' | 'quoted-regex'
  readonly text: string
}

export interface Variable extends Placed {
  /** `!` leaves out, `&` counts. */
  readonly prefix: '' | '!' | '&'
  /** As it is written; the engine ignores case. */
  readonly name: string
  readonly selector?: Selector
}

export interface Operator extends Placed {
  readonly negated: boolean
  /** As it is written, without `@`; `rx` where none is written. */
  readonly name: string
  /** No `@name` is written: the text is a pattern. */
  readonly implicit: boolean
  readonly argument: string
  /** In double quotes. */
  readonly quoted: boolean
}

export interface Action extends Placed {
  /** As it is written. */
  readonly name: string
  /** What follows the colon, without its quotes. */
  readonly value?: string
  readonly quote: '' | "'" | '"'
}

export interface CommentNode extends Spanned {
  readonly kind: 'comment'
  readonly text: string
}
export interface RuleNode extends Spanned {
  readonly kind: 'rule'
  readonly variables: readonly Variable[]
  readonly operator: Operator
  readonly actions: readonly Action[]
}
export interface ActionNode extends Spanned {
  readonly kind: 'action'
  readonly actions: readonly Action[]
}
export interface DefaultActionNode extends Spanned {
  readonly kind: 'default-action'
  readonly actions: readonly Action[]
}
export interface ScriptNode extends Spanned {
  readonly kind: 'script'
  readonly path: string
  readonly actions: readonly Action[]
}
export interface MarkerNode extends Spanned {
  readonly kind: 'marker'
  readonly label: string
}
export interface RemoveNode extends Spanned {
  readonly kind: 'remove'
  readonly by: 'Id' | 'Msg' | 'Tag'
  readonly subject: string
  readonly quoted: boolean
}
export interface UpdateTargetsNode extends Spanned {
  readonly kind: 'update-targets'
  readonly by: 'Id' | 'Msg' | 'Tag'
  readonly subject: string
  readonly quoted: boolean
  readonly variables: readonly Variable[]
}
export interface UpdateActionsNode extends Spanned {
  readonly kind: 'update-actions'
  readonly subject: string
  readonly quoted: boolean
  readonly actions: readonly Action[]
}
export interface SettingNode extends Spanned {
  readonly kind: 'setting'
  /** In its one spelling. */
  readonly name: string
  readonly value: string
  readonly quoted: boolean
}
/** What could not be read; the problem says why. */
export interface UnreadNode extends Spanned {
  readonly kind: 'unread'
  readonly text: string
}

export type Node =
  | CommentNode
  | RuleNode
  | ActionNode
  | DefaultActionNode
  | ScriptNode
  | MarkerNode
  | RemoveNode
  | UpdateTargetsNode
  | UpdateActionsNode
  | SettingNode
  | UnreadNode

export interface RuleFile {
  readonly name: string
  readonly nodes: readonly Node[]
}

/** The node without its places: what two readings of the same rules have in common. */
export const withoutPlaces = (nodes: readonly Node[]): unknown =>
  JSON.parse(
    JSON.stringify(nodes, (key, value) => (key === 'at' || key === 'from' || key === 'to' ? undefined : value)),
  )
