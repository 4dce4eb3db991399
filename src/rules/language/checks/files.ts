/**
 * Files as wholes: one without a directive, a set without a rule, a rule without actions that takes the next line for them. A namespace's own
 * rules may be none: all of them commented out, say.
 */
import type { Problem } from '../problem.ts'
import { problem } from '../problem.ts'
import type { Check, CheckedFile, Context } from './context.ts'

/** A placeholder says by its name that it is one: the Core Rule Set includes such, since an Include that matches nothing is an error. */
const PLACEHOLDER = /(?:^|\/)empty-[^/]*\.conf$/

function* judgeFile({ name, nodes, text }: CheckedFile, whole: boolean): Generator<Problem> {
  if (whole && nodes.every(({ kind }) => kind === 'comment') && !PLACEHOLDER.test(name))
    yield problem('EmptyFile', { file: name, line: 1, column: 1 }, 'the file holds no directive')
  for (const node of nodes)
    if (
      node.kind === 'rule' &&
      node.actions.length === 0 &&
      !/^[ \t]*\r?\n[ \t]*\r?\n/.test(text.slice(node.to, node.to + 1000))
    )
      yield problem(
        'BadActions',
        node.at,
        'a rule without actions needs an empty line after it: the engine takes the next line for its actions',
      )
}

function* judgeAll({ files, catalogue, whole }: Context): Generator<Problem> {
  for (const file of files) yield* judgeFile(file, whole)
  if (!whole) return
  const [first] = files
  if (catalogue.rules.length === 0 && files.every(({ nodes }) => nodes.every(({ kind }) => kind !== 'unread')))
    yield problem('NoRules', { file: first?.name ?? '-', line: 1, column: 1 }, 'there is no rule')
}

export const checkFiles: Check = (context) => [...judgeAll(context)]
