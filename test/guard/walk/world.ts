/** What held at a revision, replayed from the journal. Written against the design's words, and not with the guard's own code. */
import type { DaemonSetSeen, Entry, LeaseSeen, NodeSeen, PodSeen } from './journal.ts'

/** A namespace that is protected, with the labels that its Pods' nodes must have. */
export interface ProtectedNamespace {
  readonly name: string
  readonly selector: Readonly<Record<string, string>>
}

export const IDS_NAMESPACE = 'sekisho-node'
const LINUX = { 'kubernetes.io/os': 'linux' }
export const has = (labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean =>
  Object.entries(wanted).every(([key, value]) => labels[key] === value)

export class World {
  readonly nodes = new Map<string, NodeSeen>()
  readonly leases = new Map<string, LeaseSeen>()
  readonly pods = new Map<string, PodSeen>()
  daemonSet: DaemonSetSeen | undefined
  /** Those of the IDS alone, by node. */
  readonly #sensors = new Map<string, Map<string, PodSeen>>()

  /** Takes an entry in and tells whose node it is about; undefined: no node's, or all nodes'. */
  apply({ seen, gone }: Entry): string | undefined {
    if (seen.kind === 'node') {
      if (gone) this.nodes.delete(seen.name)
      else this.nodes.set(seen.name, seen)
      return seen.name
    }
    if (seen.kind === 'lease') {
      if (gone) this.leases.delete(seen.name)
      else this.leases.set(seen.name, seen)
      return seen.name
    }
    if (seen.kind === 'daemonset') {
      this.daemonSet = gone ? undefined : seen
      return undefined
    }
    if (gone) this.pods.delete(seen.uid)
    else this.pods.set(seen.uid, seen)
    if (seen.namespace !== IDS_NAMESPACE || seen.node === '') return undefined
    const here = this.#sensors.get(seen.node) ?? new Map<string, PodSeen>()
    this.#sensors.set(seen.node, here)
    if (gone) here.delete(seen.uid)
    else here.set(seen.uid, seen)
    return seen.node
  }

  sensors(node: string): readonly PodSeen[] {
    return [...(this.#sensors.get(node)?.values() ?? [])]
  }

  /** The API shows a Ready Pod of the very DaemonSet there, and no Lease by that Pod that says otherwise. */
  covered(node: string): boolean {
    const lease = this.leases.get(node)
    return (
      this.nodes.has(node) &&
      this.daemonSet !== undefined &&
      this.sensors(node).some(
        (pod) =>
          pod.owner === this.daemonSet?.uid &&
          pod.ready &&
          pod.hostNetwork &&
          !pod.terminating &&
          !(lease?.holder === pod.name && lease.ready === false),
      )
    )
  }

  /** The DaemonSet is meant for the node, and a protected namespace can reach it. */
  concerned(node: string, namespaces: readonly ProtectedNamespace[]): boolean {
    const labels = this.nodes.get(node)?.labels
    return labels !== undefined && has(labels, LINUX) && namespaces.some(({ selector }) => has(labels, selector))
  }
}
