/**
 * Connections on which nothing was asked yet. Node counts them as busy, and looks only every 30 s whether they are too slow, so a server
 * that closes would wait for them; and clients open such connections: Go dials one more while it waits, and then uses another.
 */
import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:https'
import type { Socket } from 'node:net'

const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`

/** Follows the server's connections from now on; the function it returns ends the silent ones. */
export const silentConnections = (server: Server): (() => void) => {
  // By address, since a request names the TLS socket and not the one that carries it.
  const silent = new Map<string, Socket>()
  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket)
    silent.set(key, socket)
    socket.once('close', () => silent.get(key) === socket && silent.delete(key))
  })
  server.on('request', ({ socket }: IncomingMessage) => silent.delete(keyOf(socket)))
  return () => {
    for (const socket of silent.values()) socket.destroy()
  }
}
