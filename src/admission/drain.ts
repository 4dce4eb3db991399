/**
 * How a webhook goes away without losing a review.
 *
 *   SIGTERM ─▶ not ready, still serving, each answer with `Connection: close` ─ drainMs ─▶ close what is idle ─▶ exit 0
 *
 * The API server goes on using a connection to a Pod that is being taken out of the Service, so the connection itself
 * has to say that it ends. A second signal ends at once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../log.ts'

export interface Drainable {
  startDraining(): void
  close(): Promise<void>
}

export interface DrainOptions {
  readonly server: Drainable
  readonly drainMs: number
  readonly log: Logger
  /** Resolves when the process was first asked to stop. */
  readonly asked: Promise<string>
  /** Resolves when it was asked again, or may not wait any longer. */
  readonly insisted: Promise<string>
  /** @default setTimeout */
  readonly wait?: (ms: number) => Promise<unknown>
}

/** Resolves when the process may exit: `drained` when every answer was given. */
export const drainWhenAsked = async (options: DrainOptions): Promise<'drained' | 'cut off'> => {
  const { server, drainMs, log, asked, insisted, wait = (ms) => sleep(ms) } = options
  log.info({ 'sekisho.signal': await asked, 'sekisho.drain_ms': drainMs }, 'stopping: not ready, still serving')
  server.startDraining()
  const drained = wait(drainMs)
    .then(() => server.close())
    .then(() => 'drained' as const)
  const how = await Promise.race([drained, insisted.then(() => 'cut off' as const)])
  log.info({ 'sekisho.stopped': how }, 'stopped')
  return how
}
