/**
 * A ConfigMap, read through the API: for clusters without a way out, where `kubectl create configmap` is the way in. An archive goes into
 * its `binaryData` (the CRS packed is 250 KB, a ConfigMap takes 1 MiB); a key cannot hold `/`, so unpacked rule files stand in it by name.
 */
import type { Demands } from './candidate.ts'
import { Refusal } from './refusals.ts'
import { fromShelf } from './shelf.ts'
import { type RuleSource, ruleSource } from './source.ts'

export interface ConfigMapView {
  readonly resourceVersion: string
  readonly data?: Readonly<Record<string, string>>
  /** Base64. */
  readonly binaryData?: Readonly<Record<string, string>>
}
/** What this room asks of the cluster. */
export interface ConfigMapReader {
  /** Undefined when there is none. */
  read(namespace: string, name: string, signal: AbortSignal): Promise<ConfigMapView | undefined>
}
export interface ConfigMapOptions {
  readonly namespace: string
  readonly name: string
  readonly reader: ConfigMapReader
}

/** Rule files by their names alone: the CRS keeps plugins, which are named so, in plugins/, and all else in rules/. */
const placed = (key: string) =>
  /-(config|before|after)\.conf$/.test(key) ? `plugins/${key}` : /\.(conf|data)$/.test(key) ? `rules/${key}` : key

export const configMap = ({ namespace, name, reader }: ConfigMapOptions, demands: Demands): RuleSource =>
  ruleSource(demands.layout.kind, demands.source, async (context) => {
    const { known, signal } = context
    const at = `ConfigMap ${namespace}/${name}`
    const view = await reader.read(namespace, name, signal).catch((cause: unknown) => {
      throw new Refusal('PlaceUnreadable', `${at}: ${(cause as Error).message}.`, { cause })
    })
    if (!view) throw new Refusal('PlaceUnreadable', `${at}: there is none.`)
    const question = `${at} ${demands.line ?? ''} ${demands.trust.by}`
    const etag = { question, value: view.resourceVersion }
    if (known?.etag?.question === question && known.etag.value === view.resourceVersion)
      return { status: 'unchanged', reason: 'NotModified', detail: `${demands.source}: still ${known.version}.`, known }
    const shelf = new Map<string, Uint8Array>()
    for (const [key, text] of Object.entries(view.data ?? {})) shelf.set(placed(key), Buffer.from(text, 'utf8'))
    for (const [key, text] of Object.entries(view.binaryData ?? {})) shelf.set(placed(key), Buffer.from(text, 'base64'))
    const fetched = await fromShelf(shelf, demands, context)
    return fetched.status === 'refused' ? fetched : { ...fetched, known: { ...fetched.known, etag } }
  })
