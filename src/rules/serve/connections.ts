/**
 * How many connections there may be: in all, so that what waits for its handshake can be answered in time, and of one address, so that one Pod
 * cannot take the places of all others by holding connections open. Pods have addresses of their own; behind a node that hides them, the polls of
 * all of its Pods are still far fewer at once.
 */
import type { Server } from 'node:https'
import type { Socket } from 'node:net'

export interface ConnectionLimits {
  readonly inAll: number
  readonly ofOneAddress: number
}
export const CONNECTION_LIMITS: ConnectionLimits = { inAll: 2_000, ofOneAddress: 100 }

/** Ends what is too much before its handshake costs anything. */
export const limitConnections = (
  server: Server,
  { inAll, ofOneAddress }: ConnectionLimits,
  onRefused: () => void,
): void => {
  const open = new Map<string, number>()
  server.maxConnections = inAll
  server.on('drop', onRefused)
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? ''
    const count = (open.get(address) ?? 0) + 1
    open.set(address, count)
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1
      if (left === 0) open.delete(address)
      else open.set(address, left)
    })
    if (count <= ofOneAddress) return
    onRefused()
    socket.destroy()
  })
}
