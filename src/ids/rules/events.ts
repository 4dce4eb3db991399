/** Events about the agent's own Pod: the same words once in ten minutes, and never many. What they say may be others' text: one line, no controls. */
import type { ApiClient } from '../../cluster/api-client.ts'
import type { Log } from '../../cluster/log.ts'
import { IDS_RULE_EVENTS, type IdsRuleEvent } from './event-reasons.ts'

export type TellEvent = (reason: IdsRuleEvent, note: string) => void
export interface PodEventsOptions {
  readonly client: ApiClient
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string }
  readonly signal: AbortSignal
  readonly now: () => number
  readonly log: Log
}

const REPEAT_MS = 10 * 60_000
const MOST_IN_TEN_MINUTES = 40
/** Longer notes the API server refuses. */
const LONGEST_NOTE = 1000

/** Control characters, direction marks, line ends. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]+/gu
export const plainNote = (text: string): string => {
  const plain = text.replaceAll(UNSEEN, ' ').trim()
  return plain.length > LONGEST_NOTE ? `${plain.slice(0, LONGEST_NOTE - 1)}…` : plain
}

export const createPodEvents = ({ client, pod, signal, now, log }: PodEventsOptions): TellEvent => {
  const told = new Map<string, number>()
  return (reason, text) => {
    const note = plainNote(text)
    for (const [key, at] of told) if (now() - at >= REPEAT_MS) told.delete(key)
    const key = `${reason} ${note}`
    if (told.has(key) || told.size >= MOST_IN_TEN_MINUTES) return
    told.set(key, now())
    const body = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace: pod.namespace, generateName: `${pod.name}-` },
      eventTime: new Date(now()).toISOString().replace('Z', '000Z'),
      reportingController: 'sekisho.dev/ids',
      reportingInstance: pod.name.slice(0, 128),
      action: 'Rules',
      reason,
      regarding: { apiVersion: 'v1', kind: 'Pod', namespace: pod.namespace, name: pod.name, uid: pod.uid },
      note,
      type: IDS_RULE_EVENTS[reason].type,
    }
    const path = `/apis/events.k8s.io/v1/namespaces/${pod.namespace}/events`
    client.request('POST', path, { body, signal }).catch((error) => {
      if (!signal.aborted) log.warn({ err: error, 'sekisho.reason': reason }, 'an Event could not be written')
    })
  }
}
