/**
 * `sekisho.dev/status`: what was injected, or why not. Ours alone: an incoming one is replaced, and none changes later. It is read again
 * where a Service or a NetworkPolicy is judged, which must know the captured ports of the Pods it selects.
 */
import type { InjectSettings } from '../config/webhook.ts'
import type { Captures } from './captures.ts'
import type { Mode } from './mode.ts'
import { type Note, sentence } from './note.ts'
import type { Protocol } from './port-annotation.ts'

export interface StatusPort {
  readonly name: string
  readonly port: number
  readonly listener: number
  readonly protocol: Protocol
}

interface Injected {
  readonly mode: Mode
  readonly from: 'pod' | 'namespace' | 'platform'
  readonly captures: Captures
}

/** The annotation of a Pod that carries the WAF. */
export const injectedStatus = ({ mode, from, captures }: Injected, settings: InjectSettings, version: string): string =>
  JSON.stringify({
    state: 'Injected',
    mode,
    from,
    capture: settings.capture,
    version,
    ports: captures.captures.map(({ name, port, listener, protocol }) => ({ name, port, listener, protocol })),
    ...(captures.uninspected.length > 0 ? { uninspected: captures.uninspected } : {}),
  })

/** The annotation of a Pod that was let through without. */
export const skippedStatus = (why: Note, version: string): string =>
  JSON.stringify({ state: 'Skipped', reason: why.code, detail: sentence(why), version })

/** What a status says of a protected Pod; undefined for anything else, as a Pod from before the installation may carry anything. */
export function readStatus(
  text: string | undefined,
): { readonly mode: Mode; readonly ports: readonly StatusPort[] } | undefined {
  if (text === undefined) return undefined
  try {
    const { state, mode, ports } = JSON.parse(text) as { state?: unknown; mode?: unknown; ports?: unknown }
    if (state !== 'Injected' || (mode !== 'block' && mode !== 'detect') || !Array.isArray(ports)) return undefined
    const read = ports.filter(
      (it): it is StatusPort =>
        typeof it?.name === 'string' && Number.isInteger(it.port) && Number.isInteger(it.listener),
    )
    return { mode, ports: read }
  } catch {
    return undefined
  }
}
