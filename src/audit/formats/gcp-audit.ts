/**
 * Cloud Audit Logs: data access and admin activity of Cloud Storage and Cloud SQL.
 *
 *     {"logName":"…cloudaudit.googleapis.com%2Fdata_access","timestamp":…,"insertId":…,"resource":{"labels":…},
 *      "protoPayload":{"serviceName":"storage.googleapis.com","methodName":"storage.objects.get","resourceName":"projects/_/buckets/B/objects/O",
 *                      "authenticationInfo":{"principalEmail":…},"requestMetadata":{"callerIp":…},"status":{"code":7}}}
 *
 * Statements that databases audit come in the same log, as `cloudsql.instances.query`: pg-audit-entry.ts and mysql-audit-entry.ts.
 */
import type { Action, Outcome, Read, StoreRef } from '../../api/audit.ts'
import { origin } from './address.ts'
import { cloudSqlStore } from './cloudsql.ts'
import { type GcpCall, gcpChanges, gcpDestination } from './gcp-changes.ts'
import { gcpPrincipal } from './gcp-principal.ts'
import { at, isObject, text } from './json.ts'
import type { Entry, EntryKind } from './log-entry.ts'
import { mysqlAuditEntry } from './mysql-audit-entry.ts'
import { openPgAuditEntries } from './pg-audit-entry.ts'
import { poison, record, skipped } from './record.ts'

const SERVICES = new Set([
  'storage.googleapis.com',
  'cloudsql.googleapis.com',
  // What switches the audit itself off.
  'logging.googleapis.com',
  'cloudresourcemanager.googleapis.com',
])

export const gcpAudit: EntryKind = {
  name: 'gcp-audit',
  description:
    'Cloud Audit Logs of Cloud Storage and Cloud SQL, data access and admin activity; pgAudit and MySQL audit entries',
  logs: /cloudaudit\.googleapis\.com(%2F|\/)(data_access|activity|system_event|policy)$/i,
  open: (_, sessions) => {
    const statements = openPgAuditEntries(sessions)
    return {
      entry: (entry) => {
        const type = text(at(entry.body, 'protoPayload', 'request', '@type'))
        if (type.endsWith('.PgAuditEntry')) return statements.entry(entry)
        if (type.endsWith('.MysqlAuditEntry')) return mysqlAuditEntry(entry)
        return access(entry)
      },
      end: () => statements.end(),
    }
  },
}

/** google.rpc.Code */
const outcomeOf = (code: unknown): Outcome =>
  code === undefined || code === 0 ? 'allowed' : code === 7 || code === 16 ? 'denied' : 'failed'

const actionOf = (method: string): Action => {
  if (/^storage\.objects\.(get|download)$/.test(method)) return 'read'
  if (/^storage\.[\w.]+\.list$/.test(method)) return 'list'
  if (/^storage\.objects\.(create|insert|compose|rewrite|copy|update|patch|restore|move)$/.test(method)) return 'write'
  if (/^storage\.objects\.(delete|bulkDelete)$/.test(method)) return 'delete'
  return /^cloudsql\.instances\.(connect|login)$/.test(method) ? 'connect' : 'admin'
}

const storeOf = (entry: Entry, payload: unknown): StoreRef | undefined => {
  const service = text(at(payload, 'serviceName'))
  const name = text(at(payload, 'resourceName'))
  const labels = at(entry.body, 'resource', 'labels')
  const project =
    text(at(labels, 'project_id')) || /^projects\/([^/]+)/.exec(text(at(entry.body, 'logName')))?.[1] || ''
  const owner = project === '' ? {} : { owner: project }
  if (service === 'cloudsql.googleapis.com') return cloudSqlStore(entry)
  if (service === 'storage.googleapis.com') {
    const bucket = /\/buckets\/([^/]+)/.exec(name)?.[1] ?? text(at(labels, 'bucket_name'))
    return { cloud: 'gcp', kind: 'object-storage', name: bucket || project, ...owner }
  }
  return { cloud: 'gcp', kind: 'object-storage', name: name.replace(/^.*\//, '') || project, ...owner }
}

const access = (entry: Entry): readonly Read[] => {
  const payload = entry.body['protoPayload']
  if (!isObject(payload)) return poison(entry.line, 'it has no protoPayload', entry.raw)
  const service = text(payload['serviceName'])
  if (!SERVICES.has(service)) return skipped(entry.line, 'an entry of another service')
  const method = text(payload['methodName'])
  const store = storeOf(entry, payload)
  if (method === '' || store === undefined || store.name === '')
    return poison(entry.line, 'it names no method, or no store', entry.raw)
  const authentication = payload['authenticationInfo']
  const call: GcpCall = {
    method,
    payload,
    body: at(payload, 'request', 'body') ?? payload['request'],
    project: store.owner ?? '',
    email: text(at(authentication, 'principalEmail')),
  }
  const changes = gcpChanges(call)
  const ofStore = service === 'storage.googleapis.com' || service === 'cloudsql.googleapis.com'
  if (!ofStore && changes.length === 0) return skipped(entry.line, 'an entry of another service')
  return record(
    {
      format: gcpAudit.name,
      id: entry.id,
      time: entry.time,
      store,
      principal: gcpPrincipal(authentication),
      ...origin(text(at(payload, 'requestMetadata', 'callerIp'))),
      action: actionOf(method),
      operation: method,
      outcome: outcomeOf(at(payload, 'status', 'code')),
      object: /\/objects\/(.+)$/s.exec(text(payload['resourceName']))?.[1],
      userAgent: text(at(payload, 'requestMetadata', 'callerSuppliedUserAgent')) || undefined,
      destination: gcpDestination(call),
      changes: changes.length > 0 ? changes : undefined,
    },
    entry.line,
    entry.raw,
  )
}
