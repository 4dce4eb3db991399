/** What `kubectl apply` would make of an object that exists: labels and annotations of the file put over it, those it had applied before taken out. */
import type { KubeObject } from '../api/kube.ts'

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
type Keys = Readonly<Record<string, string>>

/** Pure. Only metadata is merged: nothing else of a namespace is ours to judge. */
export function applied(live: KubeObject, file: KubeObject): KubeObject {
  const last = lastApplied(live)
  const merge = (kind: 'labels' | 'annotations'): Keys => {
    const wanted = file.metadata?.[kind] ?? {}
    const dropped = Object.keys(last.metadata?.[kind] ?? {}).filter((key) => !(key in wanted))
    const kept = Object.entries(live.metadata?.[kind] ?? {}).filter(([key]) => !dropped.includes(key))
    return { ...Object.fromEntries(kept), ...wanted }
  }
  return { ...live, metadata: { ...live.metadata, labels: merge('labels'), annotations: merge('annotations') } }
}

function lastApplied(live: KubeObject): KubeObject {
  const text = live.metadata?.annotations?.[LAST_APPLIED]
  if (text === undefined) return {}
  try {
    return JSON.parse(text) as KubeObject
  } catch {
    return {}
  }
}
