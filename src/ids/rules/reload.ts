/**
 * A reload that is believed only when it was seen. Suricata answers `done` whether or not anything was loaded; what shows the truth is that
 * `last_reload` is another one than before, and that as many rules are loaded as the test of the set said, none failed.
 *
 * Where Suricata was started anew in between (its count of starts in `interfaces` is another one), it has read the set at its start, and the
 * counts alone must be right.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RuleEngine } from './state.ts'

export interface EngineFacts {
  readonly lastReload: string
  readonly loaded: number
  readonly failed: number
  /** Which start of Suricata this is. */
  readonly start: string
}

export const readStart = async (runDirectory: string): Promise<string> => {
  const text = await readFile(join(runDirectory, 'interfaces'), 'utf8').catch(() => '')
  return /^# (\S+)/.exec(text)?.[1] ?? ''
}

const first = (message: unknown): Record<string, unknown> => {
  const one = Array.isArray(message) ? (message[0] as unknown) : undefined
  return typeof one === 'object' && one !== null ? (one as Record<string, unknown>) : {}
}

/** Asks. @throws while Suricata does not answer, or not with what is asked */
export const engineFacts = async (engine: RuleEngine, runDirectory: string): Promise<EngineFacts> => {
  const start = await readStart(runDirectory)
  // In this order: counts that are older than the time would be taken for those of the new set.
  const lastReload = first(await engine.command('ruleset-reload-time'))['last_reload']
  const { rules_loaded: loaded, rules_failed: failed } = first(await engine.command('ruleset-stats'))
  if (typeof lastReload !== 'string' || typeof loaded !== 'number' || typeof failed !== 'number')
    throw new Error('Suricata tells neither when it loaded rules nor how many')
  return { lastReload, loaded, failed, start }
}

export interface ReloadOptions {
  readonly engine: RuleEngine
  readonly runDirectory: string
  readonly expected: number
  readonly timeMs: number
  readonly pollMs: number
  /** Milliseconds of a clock that nobody sets. */
  readonly elapsed: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
  readonly saw: (facts: EngineFacts) => void
}

/** '' once Suricata was seen to run the set; else what was seen instead, in one sentence. */
export const reloadSeen = async (options: ReloadOptions): Promise<string> => {
  const { engine, runDirectory, expected, timeMs, pollMs, elapsed, sleep, signal, saw } = options
  const until = elapsed() + timeMs
  let before: EngineFacts | undefined
  let asked = false
  let againAt = Number.POSITIVE_INFINITY
  let last = 'Suricata does not answer'
  while (elapsed() < until) {
    signal.throwIfAborted()
    try {
      const facts = await engineFacts(engine, runDirectory)
      saw(facts)
      if (!asked || before === undefined) {
        before = facts
        // Another reload under way is refused: asked again, since the one under way may have read the set before.
        await engine.command('ruleset-reload-nonblocking')
        asked = true
        againAt = elapsed() + timeMs / 3
        last = 'Suricata has not loaded it yet'
      } else if (facts.lastReload !== before.lastReload || facts.start !== before.start) {
        if (facts.loaded === expected && facts.failed === 0) return ''
        last = `Suricata has ${facts.loaded} rules and ${facts.failed} failed, where ${expected} and none are right`
        // A swap was seen and it is not this set: waiting changes nothing. A new start may still be reading.
        if (facts.start === before.start) return last
      } else if (elapsed() >= againAt) {
        // Answered OK, and nothing came of it: Suricata may have lost it. One that still lasts refuses the second, and says so.
        againAt += timeMs / 3
        last = 'Suricata has not loaded it yet'
        await engine.command('ruleset-reload-nonblocking')
      }
    } catch (error) {
      signal.throwIfAborted()
      last = (error as Error).message.slice(0, 300)
    }
    await sleep(pollMs, signal)
  }
  return `${last}, after ${Math.round(timeMs / 1000)} s`
}
