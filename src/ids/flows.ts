/** Flow records of Suricata into counts by local address: where the routing tables are read, and addresses get the form the cluster has them in. */
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import type { IdsFlows } from '../api/ids.ts'
import type { EveFlow } from './eve-stream.ts'
import { createFlowCounts } from './flow-counts.ts'
import { type LocalRoutes, localRoutes } from './local-routes.ts'

export interface Flows {
  add(flow: EveFlow): void
  read(): IdsFlows
}

/** New Pods have routes of their own on some networks. */
const ROUTES_SECONDS = 30

const text = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // No IPv6, then.
    return ''
  }
}

const readRoutes = (): LocalRoutes => {
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
  return localRoutes(
    text('/proc/net/route'),
    text('/proc/net/ipv6_route'),
    own.filter(({ family }) => family === 'IPv4').map(({ address }) => address),
  )
}

/** IPv6 in the short form that Pods have it in. */
const asInCluster = (address: string): string =>
  address.includes(':') ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address

/** @param now seconds that only rise */
export function createFlows(now: () => number, routesOf: () => LocalRoutes = readRoutes): Flows {
  const counts = createFlowCounts(now())
  let routes = routesOf()
  let readAt = now()
  return {
    add: ({ source, destination, tls }) => {
      if (now() - readAt > ROUTES_SECONDS) {
        routes = routesOf()
        readAt = now()
      }
      for (const address of new Set([source, destination]))
        if (routes.isLocal(address)) counts.add(asInCluster(address), tls, now())
    },
    read: () => counts.read(now()),
  }
}
