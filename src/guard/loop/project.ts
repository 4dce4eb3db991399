/** What the loop keeps of nodes, the DaemonSet and namespaces. What is left out here is never in memory. */
import { ANNOTATION, LABEL } from '../../api/names.ts'
import { projectDaemonSet, projectNamespace, projectNode } from '../../cluster/project.ts'
import type { KeptDaemonSet, KeptNamespace, KeptNode, KeptTaint, NodeSelectorTerm } from '../keep/views.ts'

interface Meta {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string }
}
type RawNode = Parameters<typeof projectNode>[0] & { readonly spec?: { readonly taints?: readonly KeptTaint[] } }

/** A node, its taints to the letter. */
export const projectKeptNode = (raw: RawNode & Meta): KeptNode => ({
  ...projectNode(raw),
  taints: raw.spec?.taints ?? [],
  uid: raw.metadata.uid,
})

type RawDaemonSet = Parameters<typeof projectDaemonSet>[0] & {
  readonly spec?: {
    readonly template?: {
      readonly spec?: {
        readonly affinity?: {
          readonly nodeAffinity?: {
            readonly requiredDuringSchedulingIgnoredDuringExecution?: {
              readonly nodeSelectorTerms?: readonly NodeSelectorTerm[]
            }
          }
        }
      }
    }
  }
}

/** The IDS DaemonSet with where its affinity holds it. */
export const projectKeptDaemonSet = (raw: RawDaemonSet): KeptDaemonSet => {
  const required = raw.spec?.template?.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return { ...projectDaemonSet(raw), ...(required && { affinity: required.nodeSelectorTerms ?? [] }) }
}

/** A namespace that asks for protection, or still bears what we wrote when it did. */
export const projectKeptNamespace = (raw: Parameters<typeof projectNamespace>[0] & Meta): KeptNamespace | null => {
  const view = projectNamespace(raw)
  if (raw.metadata.deletionTimestamp !== undefined) return null
  if (view.labels[LABEL.protected] === undefined && view.annotations[ANNOTATION.coverage] === undefined) return null
  return { ...view, uid: raw.metadata.uid, resourceVersion: raw.metadata.resourceVersion }
}
