/** A real API server, a cache that watches it, and what a test needs to change the cluster under it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { findAccess } from '../../src/cluster/access.ts'
import { createApiClient } from '../../src/cluster/api-client.ts'
import { type ClusterCacheOptions, startClusterCache } from '../../src/cluster/cache.ts'
import { guardSettings } from '../../src/config/webhook.ts'
import { type StartOptions, startCluster } from '../cluster/start.ts'

export interface Line {
  readonly level: 'info' | 'warn'
  readonly message: string
  readonly [field: string]: unknown
}

/** A log that a test can read. */
export function linesLog() {
  const lines: Line[] = []
  const of = (level: Line['level']) => (fields: object, message: string) =>
    void lines.push({ level, message, ...fields })
  return { lines, log: { info: of('info'), warn: of('warn') } }
}

export const settings = guardSettings.parse({})

/** A control plane that ends with the test. */
export async function lab(t: Test, options: Partial<StartOptions> = {}) {
  const cluster = await startCluster({ size: 'control-plane', ...options })
  t.teardown(() => cluster.stop())
  const client = createApiClient(await findAccess({ kubeconfig: cluster.kubeconfig }), 'sekisho-test')
  t.teardown(() => client.close())
  return { cluster, client }
}

/** A cache that ends with the test. */
export function cacheOf(
  t: Test,
  options: Omit<ClusterCacheOptions, 'signal' | 'log' | 'settings'> & Partial<ClusterCacheOptions>,
) {
  const stop = new AbortController()
  const { lines, log } = linesLog()
  const cache = startClusterCache({ settings, signal: stop.signal, log, ...options })
  t.teardown(async () => {
    stop.abort()
    await cache.done
  })
  return { ...cache, lines }
}

/** Waits until the condition holds; what it last was is in the error. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  holds: (value: T) => boolean,
  ms = 30_000,
): Promise<T> {
  const end = performance.now() + ms
  for (;;) {
    const value = await look()
    if (holds(value)) return value
    if (performance.now() > end)
      throw new Error(`not within ${ms} ms: ${what}; last: ${JSON.stringify(value)?.slice(0, 500)}`)
    await sleep(25)
  }
}

export const node = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'kubernetes.io/os': 'linux', pool: 'web' } },
  ...more,
})
