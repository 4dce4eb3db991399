/** What the logs of Cloud SQL have in common: which instance it was, and which of its users are Google's own. */
import type { StoreRef } from '../../api/audit.ts'
import { at, text } from './json.ts'
import type { Entry } from './log-entry.ts'

/** `labels.database_id` is PROJECT:INSTANCE; a project may itself hold a colon (`example.com:shop`), an instance does not. */
export const cloudSqlStore = ({ body }: Entry): StoreRef | undefined => {
  const id = text(at(body, 'resource', 'labels', 'database_id')) || text(at(body, 'labels', 'database_id'))
  const project = text(at(body, 'resource', 'labels', 'project_id')) || id.slice(0, Math.max(0, id.lastIndexOf(':')))
  const named = /instances\/([^/]+)/.exec(text(at(body, 'protoPayload', 'resourceName')))?.[1] ?? ''
  const name = id.slice(id.lastIndexOf(':') + 1) || named
  if (name === '') return undefined
  return { cloud: 'gcp', kind: 'sql', name, ...(project !== '' && { owner: project }) }
}

/** A session of an instance: the key under which connections and statements meet. */
export const sessionKey = (store: StoreRef, session: string): string => `${store.owner ?? ''}:${store.name} ${session}`

const OWN_USERS = new Set([
  'cloudsqladmin',
  'cloudsqlagent',
  'cloudsqlapplier',
  'cloudsqlexport',
  'cloudsqlimport',
  'cloudsqlimportexport',
  'cloudsqlobservabilityadmin',
  'cloudsqloneshot',
  'cloudsqlreplica',
])
const LOCAL = new Set(['', 'localhost', '127.0.0.1', '::1', '[local]'])

/** Google's agents, on the instance itself. By exact names: anybody with the right to may create a user `cloudsqlx`. */
export const isCloudSqlAgent = (user: string, address = ''): boolean => OWN_USERS.has(user) && LOCAL.has(address)
