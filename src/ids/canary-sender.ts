/**
 * Sends the canary of one interface: UDP multicast that ends at the first hop, by an interface that is named. This needs no capability.
 * An interface is chosen by its IPv4 address; one that has none (a bridge alone), or only one that another interface has too, by its number, which
 * IPv6 knows.
 */
import { createSocket, type Socket } from 'node:dgram'
import { networkInterfaces } from 'node:os'

export interface CanarySender {
  /** Resolves once the kernel has taken the packet. @throws with why it did not. */
  send(name: string, packet: Buffer): Promise<void>
}
export interface CanaryTarget {
  readonly group: string
  readonly group6: string
  readonly port: number
}

/** By which address of IPv4, else by IPv6 or not at all. An address that another interface has too leads to either: only where there is no IPv6. */
export function wayOf(
  name: string,
  { [name]: addresses = [], ...others }: ReturnType<typeof networkInterfaces>,
): { readonly four: string | undefined; readonly six: boolean } {
  const taken = new Set(Object.values(others).flatMap((all) => all?.map(({ address }) => address) ?? []))
  const fours = addresses.filter(({ family }) => family === 'IPv4').map(({ address }) => address)
  const six = addresses.some(({ family }) => family === 'IPv6')
  return { four: fours.find((address) => !taken.has(address)) ?? (six ? undefined : fours[0]), six }
}

/** Each packet has a socket of its own: what an interface was at the last one says nothing of it now. */
export const createCanarySender = (target: CanaryTarget): CanarySender => ({
  send: async (name, packet) => {
    const { four, six } = wayOf(name, networkInterfaces())
    if (four === undefined && !six) throw new Error(`${name} has no address, so that nothing can be sent on it`)
    const socket = createSocket(four ? 'udp4' : 'udp6')
    try {
      await bound(socket)
      socket.setMulticastInterface(four ? four : `::%${name}`)
      socket.setMulticastTTL(1)
      socket.setMulticastLoopback(false)
      await sent(socket, packet, target.port, four ? target.group : `${target.group6}%${name}`)
    } finally {
      socket.close()
    }
  },
})

const bound = (socket: Socket): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ port: 0, exclusive: true }, () => {
      socket.off('error', reject)
      resolve()
    })
  })

const sent = (socket: Socket, packet: Buffer, port: number, address: string): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.send(packet, port, address, (error) => (error ? reject(error) : resolve()))
  })
