/**
 * Whether Suricata sees what an interface carries: the kernel's count of its packets against Suricata's.
 * An idle interface is no fault; one that carries packets of which Suricata sees none is.
 */
import { FIRST_PACKETS_CARRIED, PACKETS_CARRIED, PACKETS_WINDOW } from './limits.ts'

/** Where Suricata's count last grew: both counts as they were, and when. */
export interface PacketsState {
  readonly carried: number
  readonly seen: number
  readonly at: number
}
export interface PacketsSample {
  readonly at: number
  /** By the kernel, in and out. */
  readonly carried: number
  /** By Suricata, without what the kernel dropped before it. */
  readonly seen: number
}

/** The state after a sample; a count that fell is a new beginning. */
export function afterPackets(state: PacketsState | undefined, sample: PacketsSample): PacketsState {
  if (state === undefined) return { carried: sample.carried, seen: sample.seen, at: sample.at }
  if (sample.carried < state.carried || sample.seen !== state.seen) return sample
  return state
}

/** What is wrong, with its numbers; undefined while nothing is. */
export function packetsFault(name: string, state: PacketsState, sample: PacketsSample): string | undefined {
  if (sample.seen !== state.seen) return undefined
  const passed = sample.carried - state.carried
  const seconds = Math.round(sample.at - state.at)
  if (sample.seen === 0 && passed >= FIRST_PACKETS_CARRIED)
    return `${name} carried ${passed} packets in ${seconds} s since the start and Suricata has seen none of them (limit ${FIRST_PACKETS_CARRIED})`
  if (sample.at - state.at >= PACKETS_WINDOW && passed >= PACKETS_CARRIED)
    return `${name} carried ${passed} packets in the last ${seconds} s and Suricata saw none of them (limit ${PACKETS_CARRIED} packets in ${PACKETS_WINDOW} s)`
  return undefined
}
