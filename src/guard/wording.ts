/** How the guard speaks: what, why and what mends it, one line each in a refusal and one line for all three in a warning. */
import { printableLine } from '../api/printable-line.ts'

export interface Words {
  readonly what: string
  readonly why: string
  readonly mend: string
}

// Names in a mutating call are not validated yet, so even they may hold anything: it stays one line, printable and short.
const LONGEST = 1500
/** Anything in one printable line, short enough. */
export const line = (text: string, longest = LONGEST): string => printableLine(text, longest)

/** The text of a refusal, as kubectl prints it. */
export const refusal = ({ what, why, mend }: Words): string => `${line(what)}\n${line(why)}\nto mend: ${line(mend)}`

/** The same in one line: the API server carries warnings in HTTP headers. */
export const warning = ({ what, why, mend }: Words): string => line(`${what}: ${why}; to mend: ${mend}`)

/** `a`, `a and b`, `a (and 3 more)`: long lists never make a message long. */
export function some(names: readonly string[], more = 'more'): string {
  const [first = '', second] = names
  if (second === undefined) return first
  return names.length === 2 ? `${first} and ${second}` : `${first} (and ${names.length - 1} ${more})`
}
