/** What the kernel and `sekisho-ids` tell of the node's interfaces: files alone. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface CapturedInterfaces {
  /** Changes when Suricata is started again: whatever was counted begins anew. */
  readonly start: string
  readonly names: readonly string[]
}
export interface InterfaceLook {
  /** Packets in and out, by the kernel. */
  readonly carried: number
  /** Whether packets can cross it. */
  readonly carrier: boolean
}

/** Names of interfaces: what the kernel allows but for `/`, blanks and what would lead out of a folder. */
const NAME = /^(?!\.{1,2}$)[^\s/:]{1,15}$/
const MOST = 64
const SYS = '/sys/class/net'

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const names = (text: string): string[] =>
  [...new Set(text.split('\n').filter((line) => NAME.test(line) && !line.startsWith('#')))].slice(0, MOST)

/** Those that Suricata was started with; undefined: not written yet. */
export function capturedInterfaces(runDirectory: string): CapturedInterfaces | undefined {
  const text = read(join(runDirectory, 'interfaces'))
  if (text === undefined) return undefined
  return { start: /^#.*/.exec(text)?.[0] ?? '', names: names(text) }
}

/** Those that should be captured now; undefined: not written yet. */
export function wantedInterfaces(runDirectory: string): readonly string[] | undefined {
  const text = read(join(runDirectory, 'wanted-interfaces'))
  return text === undefined ? undefined : names(text)
}

/** One interface; undefined: there is none of that name. */
export function lookAt(name: string): InterfaceLook | undefined {
  const statistic = (which: string) => read(join(SYS, name, 'statistics', which))
  const [received, sent] = [statistic('rx_packets'), statistic('tx_packets')]
  if (received === undefined || sent === undefined) return undefined
  // Unreadable while the interface is down. A bridge says 1 before it has its first port, although nothing can cross it then.
  const carrier = read(join(SYS, name, 'carrier'))?.trim() === '1' && ports(name) !== 0
  return { carried: Number(received) + Number(sent), carrier }
}

/** Of a bridge; undefined: it is none. */
function ports(name: string): number | undefined {
  try {
    return readdirSync(join(SYS, name, 'brif')).length
  } catch {
    return undefined
  }
}
