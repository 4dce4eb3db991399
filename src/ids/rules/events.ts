/** Events about the agent's own Pod: the same words once in ten minutes, and never many. What they say may be others' text: one line, no controls. */
import type { ApiClient } from '../../cluster/api-client.ts'
import { LONGEST_NOTE, postEvent } from '../../cluster/event.ts'
import type { Log } from '../../cluster/log.ts'
import { safeText } from '../../cluster/safe-text.ts'
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

export const createPodEvents = ({ client, pod, signal, now, log }: PodEventsOptions): TellEvent => {
  const told = new Map<string, number>()
  return (reason, text) => {
    const note = safeText(text, LONGEST_NOTE)
    for (const [key, at] of told) if (now() - at >= REPEAT_MS) told.delete(key)
    const key = `${reason} ${note}`
    if (told.has(key) || told.size >= MOST_IN_TEN_MINUTES) return
    told.set(key, now())
    const event = {
      generateName: `${pod.name}-`,
      at: now(),
      controller: 'sekisho.dev/ids',
      instance: pod.name,
      action: 'Rules',
      reason,
      regarding: { apiVersion: 'v1', kind: 'Pod', namespace: pod.namespace, name: pod.name, uid: pod.uid },
      note,
      type: IDS_RULE_EVENTS[reason].type,
    }
    postEvent(client, event, signal).catch((error) => {
      if (!signal.aborted) log.warn({ err: error, 'sekisho.reason': reason }, 'an Event could not be written')
    })
  }
}
