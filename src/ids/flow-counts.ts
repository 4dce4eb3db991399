/**
 * How many TCP flows ended by the address of this node's side, and how many of them were TLS: nobody could look into those.
 *
 * Memory is bounded whoever makes flows: a fixed number of addresses, by the rule "space saving": an address that is not among them takes the
 * place of the one with the fewest, and its count: the busiest are always among them, and their counts too high by that at most. So that the
 * counts are of about an hour, they are kept in slices of ten minutes, and the oldest slice is let go.
 */
import type { IdsFlows } from '../api/ids.ts'

export interface FlowCounts {
  add(address: string, tls: boolean, now: number): void
  /** The largest of the last hour. */
  read(now: number): IdsFlows
}

const SLICE_SECONDS = 600
const SLICES = 6
/** In each slice: more than are told, so that one that is busy now and then is not lost between them. */
const KEPT = 400
const TOLD = 200

interface Count {
  flows: number
  tls: number
}
interface Slice {
  readonly number: number
  readonly counts: Map<string, Count>
}

/** @param startedAt seconds of the clock that `now` is of */
export function createFlowCounts(startedAt: number): FlowCounts {
  let slices: Slice[] = []

  const sliceOf = (now: number): Slice => {
    const number = Math.floor(now / SLICE_SECONDS)
    const last = slices.at(-1)
    if (last?.number === number) return last
    const fresh = { number, counts: new Map<string, Count>() }
    slices = [...slices.filter((one) => one.number > number - SLICES), fresh]
    return fresh
  }

  return {
    add: (address, tls, now) => {
      const { counts } = sliceOf(now)
      const known = counts.get(address)
      if (known !== undefined) {
        known.flows++
        if (tls) known.tls++
        return
      }
      if (counts.size < KEPT) return void counts.set(address, { flows: 1, tls: tls ? 1 : 0 })
      let least: [string, Count] | undefined
      for (const entry of counts) if (least === undefined || entry[1].flows < least[1].flows) least = entry
      const [evicted, { flows, tls: theirs }] = least!
      counts.delete(evicted)
      counts.set(address, { flows: flows + 1, tls: theirs + (tls ? 1 : 0) })
    },
    read: (now) => {
      sliceOf(now)
      const sums = new Map<string, Count>()
      for (const { counts } of slices)
        for (const [address, { flows, tls }] of counts) {
          const sum = sums.get(address)
          if (sum === undefined) sums.set(address, { flows, tls })
          else {
            sum.flows += flows
            sum.tls += tls
          }
        }
      const largest = [...sums].sort(([, a], [, b]) => b.flows - a.flows).slice(0, TOLD)
      const from = Math.max(startedAt, slices[0]!.number * SLICE_SECONDS)
      const minutes = Math.min(60, Math.max(1, Math.round((now - from) / 60)))
      return { v: 1, minutes, flows: largest.map(([address, { flows, tls }]) => [address, flows, tls]) }
    },
  }
}
