/**
 * `validate pods/binding`, and `validate bindings`, the older way to write the same: the namespace and the node are looked at live, both at
 * once, so that what was taken away a moment ago is seen.
 */
import { judgeBinding, targetOf } from '../../guard/binding.ts'
import { overridesOf } from '../../guard/overrides.ts'
import type { InjectReader } from '../../inject/reader.ts'
import type { Reviewer } from '../review.ts'
import { objectOf } from './inject-context.ts'
import { nodeFaults, type PlacementContext } from './placement.ts'

export interface BindingContext extends PlacementContext {
  readonly reader: PlacementContext['reader'] & Pick<InjectReader, 'liveNamespace'>
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
    return judgeBinding({
      binding,
      namespace,
      faults: nodeFaults(targetOf(binding), seen, namespace, context),
      overrides: overridesOf(namespace, settings, now()),
    })
  }
