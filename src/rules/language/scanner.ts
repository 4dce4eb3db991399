/** A place in the text that moves: what all parts of the parser share. */
import type { Position } from './nodes.ts'
import { type Problem, type ProblemCode, problem } from './problem.ts'

/** Ends the reading of one directive; parse() makes a problem and an `unread` node of it. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
  readonly code: ProblemCode
  readonly offset: number
  constructor(code: ProblemCode, offset: number, message: string) {
    super(message)
    this.code = code
    this.offset = offset
  }
}

export class Scanner {
  readonly text: string
  readonly file: string
  readonly problems: Problem[] = []
  offset = 0
  readonly #lineStarts: readonly number[]

  constructor(text: string, file: string) {
    this.text = text
    this.file = file
    const starts = [0]
    for (let i = text.indexOf('\n'); i !== -1; i = text.indexOf('\n', i + 1)) starts.push(i + 1)
    this.#lineStarts = starts
  }

  get ended(): boolean {
    return this.offset >= this.text.length
  }

  /** The character at the place, or '' at the end. */
  get next(): string {
    return this.text.charAt(this.offset)
  }

  at(offset: number = this.offset): Position {
    const starts = this.#lineStarts
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (starts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return { file: this.file, line: low + 1, column: offset - starts[low]! + 1 }
  }

  /** Moves past what the sticky pattern matches here and returns it, or stays and returns undefined. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.offset
    const found = pattern.exec(this.text)?.[0]
    if (found !== undefined) this.offset += found.length
    return found
  }

  complain(code: ProblemCode, offset: number, message: string): void {
    this.problems.push(problem(code, this.at(offset), message))
  }

  fail(code: ProblemCode, offset: number, message: string): never {
    throw new Unreadable(code, offset, message)
  }
}

/** For messages: a value of the file on one line, and not all of it. */
export const shown = (value: string): string => {
  const line = value.replace(/[\u0000-\u001f\u007f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return line.length > 60 ? `${line.slice(0, 57)}…` : line
}

/** ` (nearest: @detectSQLi)`, or nothing. */
export const hint = (word: string | undefined): string => (word === undefined ? '' : ` (nearest: ${word})`)
