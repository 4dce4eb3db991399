/** How the guard speaks: what, why and what mends it, one line each in a refusal and one line for all three in a warning. */

export interface Words {
  readonly what: string
  readonly why: string
  readonly mend: string
}

/** The text of a refusal, as kubectl prints it. */
export const refusal = ({ what, why, mend }: Words): string => `${what}\n${why}\nto mend: ${mend}`

/** The same in one line: the API server carries warnings in HTTP headers. */
export const warning = ({ what, why, mend }: Words): string =>
  `${what}: ${why}; to mend: ${mend}`.replaceAll(/\s*\n\s*/g, ' ')

/** `a`, `a and b`, `a (and 3 more)`: long lists never make a message long. */
export function some(names: readonly string[], more = 'more'): string {
  const [first = '', second] = names
  if (second === undefined) return first
  return names.length === 2 ? `${first} and ${second}` : `${first} (and ${names.length - 1} ${more})`
}
