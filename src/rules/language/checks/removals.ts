/** Rules that are to be removed or changed, and do not exist. The engine takes any id, tag or message in silence. */
import type { Action, Node, Position } from '../nodes.ts'
import { type Problem, problem } from '../problem.ts'
import { shown } from '../scanner.ts'
import { actionsOf, ctlOf, idRanges } from '../values.ts'
import { actionsIn } from './actions.ts'
import type { Check, Context } from './context.ts'
import { hints } from './hints.ts'

interface Known {
  readonly ids: readonly number[]
  readonly tags: ReadonlySet<string>
  readonly messages: ReadonlySet<string>
  readonly near: { readonly Tag: (word: string) => string; readonly Msg: (word: string) => string }
}

const knownIn = ({ catalogue, besides }: Context): Known => {
  const rules = [...catalogue.rules, ...(besides?.rules ?? [])]
  const tags = new Set(rules.flatMap(({ tags }) => tags))
  const messages = new Set(rules.flatMap(({ message }) => (message === undefined ? [] : [message])))
  return { ids: rules.map(({ id }) => id), tags, messages, near: { Tag: hints(tags), Msg: hints(messages) } }
}

function* judgeSubject(known: Known, by: 'Id' | 'Msg' | 'Tag', subject: string, at: Position): Generator<Problem> {
  if (by === 'Id') {
    for (const { first, last } of idRanges(subject)) {
      if (known.ids.some((id) => id >= first && id <= last)) continue
      const which = first === last ? `rule ${first} does not exist` : `no rule from ${first} to ${last} exists`
      yield problem('RemovesNothing', at, which)
    }
    return
  }
  const names = by === 'Tag' ? known.tags : known.messages
  if (names.has(subject)) return
  const word = by === 'Tag' ? 'tag' : 'message'
  yield problem('RemovesNothing', at, `no rule has the ${word} "${shown(subject)}"${known.near[by](subject)}`)
}

function* judgeCtl(known: Known, action: Action): Generator<Problem> {
  const { option, value } = ctlOf(action)
  const [, by] = /^ruleRemove(?:Target)?By(Id|Tag)$/.exec(option) ?? []
  if (by === undefined) return
  const subject = option.includes('Target') ? value.split(';', 1)[0]! : value
  yield* judgeSubject(known, by as 'Id' | 'Tag', subject, action.at)
}

function* judgeNode(known: Known, node: Node): Generator<Problem> {
  if (node.kind === 'remove' || node.kind === 'update-targets')
    yield* judgeSubject(known, node.by, node.subject, node.at)
  if (node.kind === 'update-actions') yield* judgeSubject(known, 'Id', node.subject.split(':', 1)[0]!, node.at)
  for (const action of actionsOf({ actions: actionsIn(node) }, 'ctl')) yield* judgeCtl(known, action)
}

/** Only where all rules are known. */
export const checkRemovals: Check = (context) => {
  if (!context.whole && context.besides === undefined) return []
  const known = knownIn(context)
  return context.files.flatMap(({ nodes }) => nodes.flatMap((node) => [...judgeNode(known, node)]))
}
