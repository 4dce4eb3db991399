/** Whether a toleration covers a taint: the scheduler's own rule, and what a DaemonSet's Pods tolerate without asking. */

export interface Toleration {
  readonly key?: string
  readonly operator?: string
  readonly value?: string
  readonly effect?: string
}
export interface Taint {
  readonly key: string
  readonly value?: string
  readonly effect: string
}

/** The DaemonSet controller adds these to every Pod it makes (the last one to those on hostNetwork, which the IDS is). */
const OF_EVERY_DAEMONSET: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/network-unavailable', operator: 'Exists', effect: 'NoSchedule' },
]

/** One toleration against one taint. No key with `Exists` tolerates every taint; no effect means every effect. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false
  if (toleration.key && toleration.key !== taint.key) return false
  switch (toleration.operator || 'Equal') {
    case 'Exists':
      return true
    case 'Equal':
      return Boolean(toleration.key) && (toleration.value ?? '') === (taint.value ?? '')
    case 'Gt':
      return Number(taint.value) > Number(toleration.value)
    case 'Lt':
      return Number(taint.value) < Number(toleration.value)
    default:
      return false
  }
}

/** The first taint that keeps a DaemonSet's Pods off a node, if there is one. `PreferNoSchedule` keeps nobody off. */
export function untolerated(taints: readonly Taint[], tolerations: readonly Toleration[]): Taint | undefined {
  const all = [...tolerations, ...OF_EVERY_DAEMONSET]
  return taints.find((t) => t.effect !== 'PreferNoSchedule' && !all.some((toleration) => tolerates(toleration, t)))
}

/** As `kubectl taint` writes it: `key=value:Effect`. */
export const taintText = (t: Taint): string => `${t.key}${t.value ? `=${t.value}` : ''}:${t.effect}`
