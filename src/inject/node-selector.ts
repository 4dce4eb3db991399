/**
 * `sekisho.dev/node-selector` of the namespace, merged into the Pod: coverage counts these nodes only, so its Pods must stay on them.
 * A namespace in `audit` is only told, and one whose glass is broken may leave them.
 */
import { ANNOTATION, LABEL } from '../api/names.ts'
import type { NamespaceView } from '../api/views.ts'
import { parseNodeSelector } from '../guard/node-selector.ts'
import { type Note, note } from './note.ts'
import type { WellFormed } from './shape.ts'

/** The pairs the Pod lacks, or why they cannot be added. */
export function missingNodeSelector(
  pod: WellFormed,
  namespace: NamespaceView,
  glassBroken: boolean,
): { readonly missing: readonly (readonly [string, string])[]; readonly audit?: Note } | { readonly problem: Note } {
  if (glassBroken) return { missing: [] }
  const found = lacking(pod, namespace)
  if (namespace.labels[LABEL.protected] !== 'audit') return found
  return { missing: [], ...('problem' in found && { audit: found.problem }) }
}

function lacking(
  pod: WellFormed,
  namespace: NamespaceView,
): { readonly missing: readonly (readonly [string, string])[] } | { readonly problem: Note } {
  const text = namespace.annotations[ANNOTATION.nodeSelector]
  if (text === undefined) return { missing: [] }
  const wanted = parseNodeSelector(text)
  if (wanted === null)
    return { problem: note('BadNodeSelector', { value: JSON.stringify(text), namespace: namespace.name }) }
  const present = new Map(Object.entries((pod.spec['nodeSelector'] ?? {}) as Record<string, string>))
  const pairs = Object.entries(wanted)
  const conflict = pairs.find(([key, value]) => present.has(key) && present.get(key) !== value)
  if (conflict !== undefined) {
    const [key, value] = conflict
    return { problem: note('NodeSelectorConflict', { key, value: present.get(key)!, wanted: value }) }
  }
  return { missing: pairs.filter(([key]) => !present.has(key)) }
}
