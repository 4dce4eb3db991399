/** `validate daemonsets`: asks who relies on the IDS, and whether the user may open, only where a change takes something away. */
import { daemonSetLosses, judgeDaemonSet } from '../../guard/daemonset.ts'
import type { Reviewer } from '../review.ts'
import type { GuardContext } from './namespace.ts'

/** Makes the reviewer of the IDS DaemonSet. */
export const daemonSetReviewer =
  ({ reader, settings }: Pick<GuardContext, 'reader' | 'settings'>): Reviewer =>
  async (review, signal) => {
    const request = {
      operation: review.operation,
      namespace: review.namespace,
      name: review.name,
      object: review.object,
      oldObject: review.oldObject,
      user: review.userInfo,
      settings,
    }
    const protectedNamespaces = daemonSetLosses(request).length > 0 ? reader.protectedNamespaces() : []
    // The IDS serves every namespace, so the right is asked for in all of them.
    const mayOpen = protectedNamespaces.length > 0 && (await reader.mayOpen(review.userInfo, '', signal))
    return judgeDaemonSet(request, { protectedNamespaces, mayOpen })
  }
