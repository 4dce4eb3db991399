/**
 * Usage logs of Cloud Storage: CSV with a header, every field quoted.
 *
 *     "time_micros","c_ip","c_ip_type","c_ip_region","cs_method","cs_uri","sc_status","cs_bytes","sc_bytes","time_taken_micros","cs_host",
 *     "cs_referer","cs_user_agent","s_request_id","cs_operation","cs_bucket","cs_object"
 *
 * There is no column for who it was: a signed URL tells its account, anybody else is unknown. Columns go by the header's names, so new
 * ones may stand anywhere; without a header, as above.
 */
import type { Action, Format, Outcome, Principal, Read } from '../../api/audit.ts'
import { origin } from './address.ts'
import { csvRow } from './csv.ts'
import { accountOf } from './gcp-principal.ts'
import { poison, record, skipped } from './record.ts'

const COLUMNS =
  'time_micros,c_ip,c_ip_type,c_ip_region,cs_method,cs_uri,sc_status,cs_bytes,sc_bytes,time_taken_micros,cs_host,cs_referer,cs_user_agent,s_request_id,cs_operation,cs_bucket,cs_object'.split(
    ',',
  )
const NEEDED = ['time_micros', 'cs_method', 'cs_uri', 'sc_status', 's_request_id', 'cs_operation', 'cs_bucket']

export const gcsUsage: Format = {
  name: 'gcs-usage',
  description: 'usage logs of Cloud Storage, CSV',
  detect: (head, object) => {
    const first = head.slice(0, 2000).replace(/^\ufeff/, '')
    if (/^"?time_micros"?,/.test(first)) return first.includes('cs_bucket') ? 0.98 : 0
    const named = /_usage_\d{4}(_\d\d){5}_/.test(object)
    return named && /^"\d{16}","/.test(first) ? 0.8 : 0
  },
  open: () => {
    let columns = indexOf(COLUMNS)
    return {
      line: (text, number) => {
        const { fields, complete } = csvRow(text)
        if (fields[0] === 'time_micros') {
          if (!NEEDED.every((name) => fields.includes(name))) return poison(number, 'its header lacks columns', text)
          columns = indexOf(fields)
          return skipped(number, 'the header')
        }
        if (!complete) return poison(number, 'it breaks off within a field', text)
        return read((name) => fields[columns.get(name) ?? -1], text, number)
      },
      end: () => [],
    }
  },
}

const indexOf = (names: readonly string[]) => new Map(names.map((name, index) => [name, index]))

const read = (column: (name: string) => string | undefined, raw: string, line: number): readonly Read[] => {
  if (NEEDED.some((name) => column(name) === undefined)) return poison(line, 'it has too few columns', raw)
  const operation = column('cs_operation')!
  const micros = column('time_micros')!
  const action = actionOf(operation, column('cs_method')!)
  const bucket = column('cs_bucket')!
  if (bucket === '') return skipped(line, 'a request to no bucket')
  const agent = column('cs_user_agent') ?? ''
  const ip = column('c_ip') ?? ''
  return record(
    {
      format: gcsUsage.name,
      id: column('s_request_id')!,
      time: /^\d{13,17}$/.test(micros) ? Math.floor(Number(micros) / 1000) : Number.NaN,
      store: { cloud: 'gcp', kind: 'object-storage', name: bucket },
      principal: principalOf(column('cs_uri')!),
      // Lifecycle rules come from no address.
      ...(ip === '' && agent !== '' ? { service: agent.slice(0, 200) } : origin(ip)),
      action,
      operation,
      outcome: outcomeOf(column('sc_status')!),
      object: column('cs_object') || undefined,
      bytes: bytesOf(column(action === 'write' ? 'cs_bytes' : 'sc_bytes')),
      userAgent: agent || undefined,
    },
    line,
    raw,
  )
}

const bytesOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined

const outcomeOf = (status: string): Outcome =>
  /^[23]\d\d$/.test(status) ? 'allowed' : status === '401' || status === '403' ? 'denied' : 'failed'

const actionOf = (operation: string, method: string): Action => {
  if (/acl|iam|policy|AccessControls/i.test(operation)) return 'admin'
  if (/\.list$|^(GET|LIST)_(Bucket|Service)/i.test(operation)) return 'list'
  if (/\.(insert|create|update|patch|copy|rewrite|compose)$/i.test(operation))
    return operation.startsWith('storage.buckets') ? 'admin' : 'write'
  if (/\.delete$/i.test(operation) || method === 'DELETE') return /bucket/i.test(operation) ? 'admin' : 'delete'
  if (method === 'GET' || method === 'HEAD') return 'read'
  return /_Bucket/.test(operation) ? 'admin' : 'write'
}

/** `GoogleAccessId=` of V2 signatures, `X-Goog-Credential=ACCOUNT/DATE/…` of V4. */
const principalOf = (uri: string): Principal => {
  const found =
    /[?&](?:GoogleAccessId=([^&\s]{1,300})|X-Goog-Credential=([^&\s/%]{1,200}(?:%40|@)[^&\s/%]{1,200}))/i.exec(uri)
  const account = (found?.[1] ?? found?.[2])?.replace(/%40/g, '@')
  return account === undefined ? { kind: 'unknown', id: '' } : accountOf(account, 'signed URL')
}
