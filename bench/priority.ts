/**
 * A benchmark that shares its machine measures its neighbours. Where it may (root), it and all that it starts get the
 * scheduler's preference for the minute it runs; where it may not, it says so and the figures are of a shared machine.
 */
import { loadavg, setPriority } from 'node:os'

export const preferUs = (): void => {
  const load = loadavg()[0]!.toFixed(1)
  try {
    setPriority(-15)
    process.stderr.write(`load average ${load}; running with priority -15\n`)
  } catch {
    process.stderr.write(`load average ${load}; running without priority: other programs are in the figures\n`)
  }
}
