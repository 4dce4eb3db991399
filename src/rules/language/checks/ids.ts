/** Ids: each chain has one, in its first rule, and no other rule has it. */
import { chainsOf } from '../catalogue.ts'
import { type Problem, problem } from '../problem.ts'
import { actionsOf } from '../values.ts'
import type { Check, Context } from './context.ts'

const MAX_ID = Number.MAX_SAFE_INTEGER

function* judgeIds({ files, besides }: Context): Generator<Problem> {
  const taken = new Map<number, string>()
  for (const { id, at } of besides?.rules ?? []) taken.set(id, `${at.file}:${at.line}`)
  for (const { nodes } of files)
    for (const [first] of chainsOf(nodes)) {
      const [id, second] = actionsOf(first!, 'id')
      if (second) yield problem('BadId', second.at, 'a second id')
      if (id === undefined) {
        yield problem('NoId', first!.at, 'the rule has no id')
        continue
      }
      const number = Number(id.value)
      if (number === 0 || number > MAX_ID) yield problem('BadId', id.at, `id ${id.value} must be from 1 to ${MAX_ID}`)
      const by = taken.get(number)
      if (by !== undefined) yield problem('DuplicateId', id.at, `id ${number} is taken by ${by}`)
      else taken.set(number, `${id.at.file}:${first!.at.line}`)
    }
}

export const checkIds: Check = (context) => [...judgeIds(context)]
