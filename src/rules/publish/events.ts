/** Events for people who look with kubectl: bounded in number and length, never waited for. A log line stands beside each anyway. */
import type { ApiClient } from '../../cluster/api-client.ts'
import { LONGEST_NOTE, postEvent, type Regarding } from '../../cluster/event.ts'
import type { Log } from '../../cluster/log.ts'
import { safeText } from '../../cluster/safe-text.ts'
import { EVENTS, type EventReason } from './event-reasons.ts'
import { sha256 } from './hash.ts'

export interface Events {
  write(reason: EventReason, regarding: Regarding, note: string): void
}
export interface EventsOptions {
  readonly client: ApiClient
  readonly instance: string
  readonly signal: AbortSignal
  readonly now: () => number
  readonly log: Log
  readonly dropped: () => void
  /** In a minute, of one namespace; a change of a policy is two or three. @default 20 */
  readonly mostPerNamespace?: number
  /** In a minute, in all. @default 200 */
  readonly most?: number
}

const MINUTE = 60_000
/** The same words about the same object say nothing new. */
const REPEAT_MS = 10 * MINUTE
const MOST_REMEMBERED = 5000

/** The limits are in every sentence: what goes beyond is counted, and in the log. */
export function createEvents(options: EventsOptions): Events {
  const { client, instance, signal, now, log, dropped, mostPerNamespace = 20, most = 200 } = options
  const told = new Map<string, number>()
  let minute = 0
  let counts = new Map<string, number>()

  const allowed = (namespace: string): boolean => {
    const current = Math.floor(now() / MINUTE)
    if (current !== minute) {
      minute = current
      counts = new Map()
    }
    const [here, all] = [counts.get(namespace) ?? 0, counts.get('') ?? 0]
    if (here >= mostPerNamespace || all >= most) return false
    counts.set(namespace, here + 1).set('', all + 1)
    return true
  }

  return {
    write: (reason, regarding, text) => {
      const note = safeText(text, LONGEST_NOTE)
      const { namespace, kind, name } = regarding
      const { type } = EVENTS[reason]
      const fields = { 'k8s.namespace.name': namespace, 'k8s.object.kind': kind, 'k8s.object.name': name }
      const line = { ...fields, 'sekisho.reason': reason, 'sekisho.detail': note }
      if (type === 'Warning') log.warn(line, 'told')
      else log.info(line, 'told')
      const key = sha256(`${namespace} ${kind} ${name} ${reason} ${note}`)
      const at = told.get(key)
      if (at !== undefined && now() - at < REPEAT_MS) return
      if (!allowed(namespace)) return dropped()
      told.delete(key)
      told.set(key, now())
      if (told.size > MOST_REMEMBERED) told.delete(told.keys().next().value!)
      const event = {
        generateName: `sekisho-${name.slice(0, 200)}-`,
        at: now(),
        controller: 'sekisho.dev/rules',
        instance,
        action: 'Publish',
        reason,
        regarding,
        note,
        type,
      }
      postEvent(client, event, signal).catch((error) => {
        if (!signal.aborted) log.warn({ ...line, err: error }, 'an Event could not be written')
      })
    },
  }
}
