/** `pool=web,zone=a` on a namespace: the nodes its Pods are held to. The Pod webhook adds the same pairs to `spec.nodeSelector`. */
import { ANNOTATION } from '../api/names.ts'

/** The annotation of the PodNodeSelector admission plugin; it counts only where the administrator says that the plugin is on. */
const POD_NODE_SELECTOR = 'scheduler.alpha.kubernetes.io/node-selector'

export type NodeSelector = Readonly<Record<string, string>>
const KEY = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/
const VALUE = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/

/**
 * Parses `key=value` pairs separated by commas.
 * @returns null where the text is something else; an empty text selects every node.
 */
export function parseNodeSelector(text: string): NodeSelector | null {
  const selector: Record<string, string> = Object.create(null)
  if (text.trim() === '') return selector
  for (const pair of text.split(',')) {
    const [key = '', value, ...rest] = pair.trim().split(/\s*==?\s*/)
    if (value === undefined || rest.length > 0 || !KEY.test(key) || !VALUE.test(value)) return null
    if (key in selector && selector[key] !== value) return null
    selector[key] = value
  }
  return selector
}

/** Whether a node with these labels is one of the selected. */
export const selects = (selector: NodeSelector, labels: Readonly<Record<string, string>>): boolean =>
  Object.keys(selector).every((key) => Object.hasOwn(labels, key) && labels[key] === selector[key])

/**
 * The selectors that hold the Pods of a namespace to nodes; a node must match each. An unreadable one is left out, so that it never
 * makes the reach smaller.
 */
export function namespaceSelectors(
  annotations: Readonly<Record<string, string>>,
  settings: { readonly podNodeSelector: boolean },
): NodeSelector[] {
  const keys = settings.podNodeSelector ? [ANNOTATION.nodeSelector, POD_NODE_SELECTOR] : [ANNOTATION.nodeSelector]
  return keys.flatMap((key) => {
    const text = Object.hasOwn(annotations, key) ? annotations[key] : undefined
    const selector = text === undefined ? null : parseNodeSelector(text)
    return selector === null ? [] : [selector]
  })
}

/** The annotations above, for whoever has to keep or compare them. */
export const nodeSelectorAnnotations = [ANNOTATION.nodeSelector, POD_NODE_SELECTOR] as const
