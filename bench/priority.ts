/**
 * A benchmark that shares its machine measures its neighbours. Where it may (root), it and all that it starts get the
 * scheduler's preference for the minute it runs; where it may not, it says so and the figures are of a shared machine.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { loadavg, setPriority } from 'node:os'

export const preferUs = (): void => {
  const load = loadavg()[0]!.toFixed(1)
  try {
    setPriority(-15)
    preferSession()
    process.stderr.write(`load average ${load}; running with priority -15\n`)
  } catch {
    process.stderr.write(`load average ${load}; running without priority: other programs are in the figures\n`)
  }
}

/** Where the kernel groups processes by session, a priority counts only within the group. The terminal has its own back at the end. */
const preferSession = (): void => {
  try {
    const before = /nice (-?\d+)/.exec(readFileSync('/proc/self/autogroup', 'utf8'))?.[1]
    if (before === undefined) return
    writeFileSync('/proc/self/autogroup', '-15')
    process.on('exit', () => writeFileSync('/proc/self/autogroup', before))
  } catch {
    // No such groups here.
  }
}
