/**
 * What a Service is to its clients, on one machine: a fixed port, connections spread over the replicas that were Ready when
 * someone last looked. As with kube-proxy, a connection stays with the replica it began with, and one that died is
 * still given connections until the next look.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { WebhookProcess } from './webhook-process.ts'

export interface Service {
  readonly port: number
  readonly replicas: Set<WebhookProcess>
  /** Replicas that get new connections now. */
  readonly endpoints: readonly WebhookProcess[]
  close(): Promise<void>
}

/** @param everyMs how often readiness is looked at: the kubelet's probe period */
export const startService = async (everyMs = 500): Promise<Service> => {
  const replicas = new Set<WebhookProcess>()
  const open = new Set<Socket>()
  let endpoints: WebhookProcess[] = []
  let turn = 0
  const look = async () => {
    const looked = await Promise.all(
      [...replicas].map(async (one) => ({
        one,
        ok: await one.ready().then(
          ({ status }) => status === 200,
          () => false,
        ),
      })),
    )
    endpoints = looked.filter(({ ok }) => ok).map(({ one }) => one)
  }
  const ticker = setInterval(() => void look(), everyMs)
  const server: Server = createServer((client) => {
    const to = endpoints[turn++ % Math.max(1, endpoints.length)]
    if (to === undefined) return void client.destroy()
    const upstream = connect(to.port, '127.0.0.1')
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        open.delete(one)
        other.destroySoon()
      })
      one.pipe(other)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    port,
    replicas,
    get endpoints() {
      return endpoints
    },
    close: async () => {
      clearInterval(ticker)
      for (const socket of open) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
