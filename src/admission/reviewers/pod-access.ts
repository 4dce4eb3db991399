/**
 * The guard's word on a Pod that is made, for the Pod reviewers and those of workloads: host network, our taint, and the node that it names
 * itself, which is looked at live as at a binding.
 */
import type { Pod } from '../../api/kube.ts'
import { LABEL } from '../../api/names.ts'
import type { Verdict } from '../../api/verdict.ts'
import type { NamespaceView } from '../../api/views.ts'
import { glassBroken, overridesOf } from '../../guard/overrides.ts'
import { judgePodHostAccess } from '../../guard/pod-host-access.ts'
import type { BindingContext } from './binding.ts'
import { nodeFaults } from './placement.ts'

export interface PodAccess {
  readonly verdict: Verdict
  /** While it is, nothing holds the Pod to the nodes of its namespace. */
  readonly glassBroken: boolean
}
export type JudgePodAccess = (
  request: { readonly pod: Pod; readonly namespace: NamespaceView },
  signal: AbortSignal,
) => Promise<PodAccess>

/** Makes the judge. */
export const podAccess =
  ({ reader, settings, now }: BindingContext): JudgePodAccess =>
  async ({ pod, namespace }, signal) => {
    const nodeName = pod.spec?.nodeName
    const protection = namespace.labels[LABEL.protected]
    const judge = (of: NamespaceView, placement = {}): PodAccess => {
      const overrides = overridesOf(of, settings, now())
      const verdict = judgePodHostAccess({ pod, namespace: of, overrides, ...placement })
      return { verdict, glassBroken: protection === 'true' && glassBroken(overrides) }
    }
    if (!nodeName || (protection !== 'true' && protection !== 'audit')) return judge(namespace)
    const [live, seen] = await Promise.all([
      reader.liveNamespace(namespace.name, signal),
      reader.look([nodeName], signal),
    ])
    const of = live ?? namespace
    return judge(of, { placement: nodeFaults(nodeName, seen, of, { reader, settings, now }) })
  }

/** The injector's verdict, with what the guard has to tell. */
export function told(access: Verdict, verdict: Verdict): Verdict {
  const warnings = [...access.warnings, ...verdict.warnings]
  if (verdict.verdict === 'deny') return { ...verdict, warnings }
  const would = [...(access.verdict === 'allow' ? (access.wouldRefuse ?? []) : []), ...(verdict.wouldRefuse ?? [])]
  return { ...verdict, warnings, ...(would.length > 0 && { wouldRefuse: would }) }
}
