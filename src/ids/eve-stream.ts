/**
 * The end of Suricata's second eve output: the agent listens, Suricata connects and writes a JSON object a line.
 *
 * Attackers write parts of these lines and choose how many there are. So: nothing is parsed but what is wanted, which a look at the bytes
 * tells (inside a string of JSON a quote is always escaped, so nobody can write `"event_type":"flow"` into a field); a line is bounded; and
 * whatever is no event is counted and forgotten. Suricata never waits for us: what its socket does not take at once it drops.
 */
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { createLineSplitter } from './lines.ts'

export interface EveStream {
  /** Resolves once Suricata can connect. */
  listen(): Promise<void>
  /** Connections of Suricata now. */
  connections(): number
  /** Lines that were too long, or were no event. */
  dropped(): number
  close(): void
}
export interface EveStreamOptions {
  readonly path: string
  readonly alert: (event: EveAlert) => void
  readonly flow: (event: EveFlow) => void
  readonly closed?: () => void
}
export interface EveAlert {
  readonly signature: number
  readonly interface: string
  /** Of the packet that matched. */
  readonly payload: Buffer
}
export interface EveFlow {
  readonly source: string
  readonly destination: string
  readonly tls: boolean
}

/** An alert with 4 KiB of payload in base64 and all its fields is less than half of it. */
export const MAX_EVE_LINE = 64 * 1024
/** Suricata is one; another one is that which was started while the first has not ended. */
const MAX_CONNECTIONS = 4

/** @param sid the signature whose alerts are wanted: all others go to people by another way. */
export function createEveStream(options: EveStreamOptions, sid: number): EveStream {
  const { path, alert, flow } = options
  const wanted = Buffer.from(`"signature_id":${sid},`)
  const flows = Buffer.from('"event_type":"flow"')
  const sockets = new Set<Socket>()
  let dropped = 0

  const take = (line: Buffer) => {
    const isAlert = line.includes(wanted)
    if (!isAlert && !line.includes(flows)) return
    try {
      const event = JSON.parse(line.toString('utf8')) as Raw
      if (isAlert) {
        const found = alertOf(event)
        if (found?.signature === sid) alert(found)
      } else {
        const found = flowOf(event)
        if (found !== undefined) flow(found)
      }
    } catch {
      dropped++
    }
  }

  const server = createServer((socket) => {
    sockets.add(socket)
    const lines = createLineSplitter(MAX_EVE_LINE, take)
    let told = 0
    socket.on('data', (chunk) => {
      lines.push(chunk)
      dropped += lines.dropped() - told
      told = lines.dropped()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      options.closed?.()
    })
  })
  server.maxConnections = MAX_CONNECTIONS

  return {
    listen: () =>
      new Promise((resolve, reject) => {
        // What an agent before us left behind.
        rmSync(path, { force: true })
        server.once('error', reject)
        server.listen(path, () => {
          chmodSync(path, 0o660)
          resolve()
        })
      }),
    connections: () => sockets.size,
    dropped: () => dropped,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

interface Raw {
  readonly event_type?: unknown
  readonly in_iface?: unknown
  readonly proto?: unknown
  readonly app_proto?: unknown
  readonly src_ip?: unknown
  readonly dest_ip?: unknown
  readonly payload?: unknown
  readonly alert?: { readonly signature_id?: unknown }
  readonly flow?: { readonly state?: unknown }
}

function alertOf({ event_type, in_iface, payload, alert }: Raw): EveAlert | undefined {
  if (event_type !== 'alert' || typeof in_iface !== 'string' || typeof payload !== 'string') return undefined
  const signature = alert?.signature_id
  if (typeof signature !== 'number') return undefined
  return { signature, interface: in_iface, payload: Buffer.from(payload, 'base64') }
}

/** A flow that never got beyond its first packet says nothing: its addresses may be made up. */
function flowOf({ event_type, proto, app_proto, src_ip, dest_ip, flow }: Raw): EveFlow | undefined {
  if (flow?.state === 'new') return undefined
  if (event_type !== 'flow' || proto !== 'TCP' || typeof src_ip !== 'string' || typeof dest_ip !== 'string')
    return undefined
  return { source: src_ip, destination: dest_ip, tls: app_proto === 'tls' }
}
