/**
 * `validate pods/binding`, and `validate bindings`, the older way to write the same: the namespace and the node are looked at live, both at
 * once, so that what was taken away a moment ago is seen.
 */
import type { KubeObject } from '../../api/kube.ts'
import type { Verdict } from '../../api/verdict.ts'
import { judgeBinding, targetOf } from '../../guard/binding.ts'
import { overridesOf } from '../../guard/overrides.ts'
import { judgeBindingLabels, selectedBy } from '../../inject/binding-labels.ts'
import type { InjectReader } from '../../inject/reader.ts'
import type { Review, Reviewer } from '../review.ts'
import { objectOf } from './inject-context.ts'
import { nodeFaults, type PlacementContext } from './placement.ts'

type Network = 'liveNamespace' | 'services' | 'networkPolicies' | 'protectedPod'

export interface BindingContext extends PlacementContext {
  readonly reader: PlacementContext['reader'] & Pick<InjectReader, Network>
}

/** Makes the reviewer of Bindings. */
export const bindingReviewer =
  (context: BindingContext): Reviewer =>
  async (review, signal) => {
    const { reader, settings, now } = context
    const binding = objectOf(review)
    const [namespace, seen] = await Promise.all([
      reader.liveNamespace(review.namespace, signal),
      reader.look([targetOf(binding)], signal),
    ])
    if (namespace === null)
      throw new Error(`Cannot judge a Binding in namespace '${review.namespace}' as there is no such namespace`)
    const verdict = judgeBinding({
      binding,
      namespace,
      faults: nodeFaults(targetOf(binding), seen, namespace, context),
      overrides: overridesOf(namespace, settings, now()),
    })
    if (verdict.verdict === 'deny') return verdict
    const opened = await byLabels(review, binding, reader, signal)
    if (opened === undefined || opened.verdict === 'deny') return opened ?? verdict
    return { ...verdict, warnings: [...verdict.warnings, ...opened.warnings] }
  }

/** What the labels of the Binding open; the Pod is asked for only where something selects by them. */
async function byLabels(
  { namespace, name }: Review,
  { metadata }: KubeObject,
  reader: Pick<InjectReader, Network>,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  const labels = metadata?.labels ?? {}
  if (Object.keys(labels).length === 0) return undefined
  const network = { services: reader.services(namespace), networkPolicies: reader.networkPolicies(namespace) }
  if (!selectedBy(labels, network)) return undefined
  const pod = await reader.protectedPod(namespace, name || metadata?.name || '', signal)
  return pod === null ? undefined : judgeBindingLabels(pod, labels, namespace, network)
}
