/** One Event of events.k8s.io/v1, for people who look with kubectl. How many, and whether twice, is for who writes them to say. */
import type { ApiClient } from './api-client.ts'
import { microTime } from './micro-time.ts'

/** Longer notes the API server refuses. */
export const LONGEST_NOTE = 1000
const LONGEST_INSTANCE = 128

export interface Regarding {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly uid?: string
}
export interface EventToPost {
  readonly generateName: string
  /** ms since 1970 */
  readonly at: number
  readonly controller: string
  readonly instance: string
  readonly action: string
  readonly reason: string
  readonly regarding: Regarding
  /** At most `LONGEST_NOTE` characters, safe to show. */
  readonly note: string
  readonly type: 'Normal' | 'Warning'
}

/** @throws {ApiError} */
export const postEvent = (client: ApiClient, event: EventToPost, signal: AbortSignal): Promise<unknown> => {
  const { generateName, at, controller, instance, action, reason, regarding, note, type } = event
  const { namespace } = regarding
  const body = {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace, generateName },
    eventTime: microTime(at),
    reportingController: controller,
    reportingInstance: instance.slice(0, LONGEST_INSTANCE),
    action,
    reason,
    regarding,
    note,
    type,
  }
  return client.request('POST', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`, { body, signal })
}
