/** How many of an interface's packets the kernel dropped before Suricata could take them, over the last minute. */
import { DROPS_PACKETS, DROPS_WINDOW } from './limits.ts'

export interface DropsSample {
  readonly at: number
  /** Both since Suricata started; `packets` has the dropped ones in it. */
  readonly packets: number
  readonly drops: number
}

/** Samples of the last minute with the one just before it, oldest first. A count that fell begins anew. */
export function afterDrops(samples: readonly DropsSample[], sample: DropsSample): readonly DropsSample[] {
  const last = samples.at(-1)
  if (last !== undefined && (sample.packets < last.packets || sample.drops < last.drops)) return [sample]
  const from = samples.findLastIndex(({ at }) => at <= sample.at - DROPS_WINDOW)
  return [...samples.slice(Math.max(0, from)), sample]
}

/** What is wrong, with its numbers; undefined while nothing is, or while less than a minute is known. */
export function dropsFault(name: string, samples: readonly DropsSample[], budget: number): string | undefined {
  const [first, last] = [samples[0], samples.at(-1)]
  if (budget >= 100 || first === undefined || last === undefined || last.at - first.at < DROPS_WINDOW) return undefined
  const packets = last.packets - first.packets
  const drops = last.drops - first.drops
  if (packets < DROPS_PACKETS || drops * 100 <= packets * budget) return undefined
  const share = Math.floor((drops * 1000) / packets) / 10
  return `the kernel dropped ${drops} of ${packets} packets of ${name} in the last ${Math.round(last.at - first.at)} s: ${share} % (limit ${budget} %)`
}
