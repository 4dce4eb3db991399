/**
 * What Suricata, the kernel and `sekisho-ids` say, asked every 2 s and kept as facts. One round is:
 *
 *     files (which start, which interfaces) ─▶ the kernel's counts ─▶ Suricata: rules, packets of each interface
 *
 * A round that Suricata holds up holds up nobody else: the facts say meanwhile that it owes an answer.
 */
import type { Canaries } from './canaries.ts'
import { SuricataError } from './errors.ts'
import {
  type CapturedInterfaces,
  capturedInterfaces,
  type InterfaceLook,
  lookAt,
  wantedInterfaces,
} from './interfaces.ts'
import { afterDrops, type DropsSample } from './readiness/drops.ts'
import type { InterfaceFacts, RuleCounts, SuricataState } from './readiness/facts.ts'
import { afterPackets, type PacketsSample, type PacketsState } from './readiness/packets.ts'
import { interfaceCounts, ruleCounts } from './suricata.ts'
import type { SuricataSocket } from './suricata-socket.ts'

export interface Observed {
  readonly suricata: SuricataState
  readonly counts: RuleCounts | undefined
  readonly wanted: readonly string[] | undefined
  readonly captured: readonly string[] | undefined
  readonly interfaces: readonly InterfaceFacts[]
}
export interface Observer {
  /** One round. A second one at the same time does nothing. Never rejects. */
  round(): Promise<void>
  now(): Observed
}
export interface ObserverOptions {
  readonly runDirectory: string
  readonly socket: SuricataSocket
  readonly canaries: Canaries
  /** Seconds that only rise. */
  readonly now: () => number
  readonly look?: (name: string) => InterfaceLook | undefined
}

/** What the command socket gives an answer. */
const ANSWER_SECONDS = 5

interface Counted {
  present: boolean
  packets: { readonly state: PacketsState; readonly sample: PacketsSample } | undefined
  drops: readonly DropsSample[]
}

export function createObserver({ runDirectory, socket, canaries, now, look = lookAt }: ObserverOptions): Observer {
  let suricata: SuricataState = { state: 'unknown' }
  let counts: RuleCounts | undefined
  let wanted: readonly string[] | undefined
  let captured: CapturedInterfaces | undefined
  let counted = new Map<string, Counted>()
  let busySince: number | undefined

  /** A round that waits in line behind other commands waits for the same answer. */
  const heard = (): SuricataState => {
    if (suricata.state === 'silent' || busySince === undefined || now() - busySince <= ANSWER_SECONDS) return suricata
    return { state: 'silent', since: busySince, why: `no answer on its command socket (limit ${ANSWER_SECONDS} s)` }
  }

  const begin = (next: CapturedInterfaces | undefined) => {
    captured = next
    counts = undefined
    counted = new Map(
      next?.names.map((name) => {
        const first = look(name)
        // What the interface carries from now on is what Suricata should see.
        const state = first && { carried: first.carried, seen: 0, at: now() }
        const packets = state && { state, sample: state }
        return [name, { present: first !== undefined, packets, drops: [] }]
      }),
    )
    canaries.reset(next?.names ?? [])
  }

  const files = () => {
    wanted = wantedInterfaces(runDirectory)
    const next = capturedInterfaces(runDirectory)
    const same = next !== undefined && captured !== undefined && next.start === captured.start
    if (!same || next.names.join() !== captured!.names.join()) begin(next)
    for (const [name, one] of counted) {
      const seen = look(name)
      one.present = seen !== undefined
      canaries.look(name, seen?.carrier === true)
    }
  }

  const ask = async () => {
    counts = await ruleCounts(socket)
    for (const [name, one] of counted) {
      // The kernel's count first: what comes between the two is then seen rather than missing.
      const seen = look(name)
      const theirs = await interfaceCounts(socket, name)
      if (theirs === undefined || seen === undefined) {
        one.packets = undefined
        continue
      }
      const { packets, drops } = theirs
      const sample = { at: now(), carried: seen.carried, seen: packets - drops }
      const before = one.packets
      one.packets = { state: afterPackets(before?.state, sample), sample }
      one.drops = afterDrops(one.drops, { at: sample.at, packets, drops })
    }
  }

  return {
    now: () => ({
      suricata: heard(),
      counts,
      wanted,
      captured: captured?.names,
      interfaces: [...counted].map(([name, one]) => ({ name, ...one, canary: canaries.of(name) })),
    }),
    round: async () => {
      if (busySince !== undefined) return
      const began = now()
      busySince = began
      try {
        files()
        await ask()
        suricata = { state: 'answers' }
      } catch (error) {
        const why = error instanceof SuricataError ? error.message : String(error)
        suricata = { state: 'silent', since: suricata.state === 'silent' ? suricata.since : began, why }
      } finally {
        busySince = undefined
      }
    },
  }
}
