/**
 * Events for people who look with kubectl. The name of each is made of what it tells and of the occasion: who leads after another writes the
 * same name again, which the API server refuses, so a change of leaders makes no storm, and no Event has to be read or changed.
 */
import { createHash } from 'node:crypto'
import { type ApiClient, ApiError } from '../../cluster/api-client.ts'
import { LONGEST_NOTE } from '../../cluster/event.ts'
import { bytesOf } from '../keep/condition.ts'
import { EVENTS, type EventDraft } from '../keep/tables.ts'

export interface EventWriter {
  /** Its key where it was not written yet by us, to be handed to `write`. */
  take(draft: EventDraft): string | undefined
  /** @throws ApiError */
  write(key: string, signal: AbortSignal): Promise<void>
}

const MOST_REMEMBERED = 20_000
const COMPONENT = 'sekisho-guard'

/** @param now the API server's time */
export function createEventWriter(client: ApiClient, instance: string, now: () => number): EventWriter {
  const told = new Map<string, EventDraft | undefined>()
  return {
    take: (draft) => {
      const { reason, name, uid, occasion } = draft
      const key = createHash('sha256')
        .update(JSON.stringify([reason, name, uid, occasion]))
        .digest('hex')
        .slice(0, 24)
      if (told.has(key)) return undefined
      told.set(key, draft)
      if (told.size > MOST_REMEMBERED) told.delete(told.keys().next().value!)
      return key
    },
    write: async (key, signal) => {
      const draft = told.get(key)
      if (draft === undefined) return
      const { reason, name, uid, note } = draft
      const { on, type } = EVENTS[reason]
      // An Event about a Namespace stands in it, where its team looks; one about a node where `kubectl describe node` does.
      const namespace = on === 'Namespace' ? name : 'default'
      const time = new Date(now()).toISOString().replace(/\.\d+Z$/, 'Z')
      const body = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { namespace, name: `sekisho-guard.${key}` },
        involvedObject: { apiVersion: 'v1', kind: on, name, uid, ...(on === 'Namespace' && { namespace }) },
        reason,
        message: bytesOf(note, LONGEST_NOTE),
        type,
        firstTimestamp: time,
        lastTimestamp: time,
        count: 1,
        source: { component: COMPONENT },
        reportingComponent: COMPONENT,
        reportingInstance: instance.slice(0, 128),
      }
      try {
        await client.request('POST', `/api/v1/namespaces/${namespace}/events`, { body, signal })
      } catch (error) {
        // 409: it was told, by us or by who led before us.
        if (!(error instanceof ApiError && error.status === 409)) {
          told.delete(key)
          throw error
        }
      }
      // What was told needs no words any more.
      told.set(key, undefined)
    },
  }
}
