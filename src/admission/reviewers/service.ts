/** `validate services`: asks which protected Pods the Service selects, and only where selector or ports are new. */
import { allow } from '../../api/verdict.ts'
import { judgeService, serviceToJudge } from '../../inject/judge-network.ts'
import type { InjectReader } from '../../inject/reader.ts'
import type { Reviewer } from '../review.ts'
import { objectOf } from './inject-context.ts'

/** Makes the reviewer of Services. */
export const serviceReviewer =
  ({ reader }: { readonly reader: Pick<InjectReader, 'protectedPods'> }): Reviewer =>
  async (review, signal) => {
    const { namespace } = review
    const change = { namespace, object: objectOf(review), old: review.oldObject ?? undefined }
    const service = serviceToJudge(change)
    if (service === undefined)
      return allow('NotConcerned', 'it selects no Pods, or selector and ports stay as they are')
    return judgeService(change, await reader.protectedPods(namespace, { matchLabels: service.selector }, signal))
  }
