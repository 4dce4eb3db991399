/** Ready means: a review that comes now is answered well. Each check has a name and says in words why it does not pass. */

/** Undefined when it passes, else why not. Must not wait: what takes time is looked up beside and remembered. */
export type Check = () => string | undefined
export type Checks = Readonly<Record<string, Check>>

export interface Readiness {
  readonly ready: boolean
  /** One line a check: `caches: nodes are not listed yet`. */
  readonly lines: readonly string[]
}

export const readiness = (checks: Checks, tell: (check: string, passes: boolean) => void): Readiness => {
  let ready = true
  const lines = Object.entries(checks).map(([name, check]) => {
    const problem = check()
    tell(name, problem === undefined)
    if (problem !== undefined) ready = false
    return `${name}: ${problem ?? 'ok'}`
  })
  return { ready, lines }
}
