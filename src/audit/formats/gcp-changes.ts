/**
 * What admin entries of Cloud Storage, Cloud SQL, IAM and Logging changed. Each row names the method as "Cloud Audit Logs" of the product
 * lists it, and under which condition it is a change that somebody should see.
 */
import type { Change } from '../../api/audit.ts'
import { isEverywhere } from './address.ts'
import { at, isFalse, list, text } from './json.ts'

export interface GcpCall {
  readonly method: string
  readonly payload: unknown
  /** The resource in the request: `request.body` for Cloud SQL's methods, the request itself otherwise. */
  readonly body: unknown
  readonly project: string
  /** Of who did it. */
  readonly email: string
}
export interface GcpChange {
  readonly methods: RegExp
  /** What the documentation calls it. */
  readonly documented: string
  readonly change: Change
  readonly when: (call: GcpCall) => boolean
}

const always = () => true
const PUBLIC = new Set(['allUsers', 'allAuthenticatedUsers'])
const PERSONAL = new Set(['gmail.com', 'googlemail.com'])

const addedMembers = ({ payload }: GcpCall): readonly string[] =>
  [
    ...list(at(payload, 'serviceData', 'policyDelta', 'bindingDeltas')),
    ...list(at(payload, 'metadata', 'policyDelta', 'bindingDeltas')),
  ]
    .filter((delta) => text(at(delta, 'action')) === 'ADD')
    .map((delta) => text(at(delta, 'member')))

/** Google's own agents carry a number for a project, or a domain of theirs. */
const isForeign = (member: string, { project, email }: GcpCall): boolean => {
  const [, kind, name] = /^(user|group|domain|serviceAccount):(.+)$/.exec(member) ?? []
  if (name === undefined) return false
  const domain = name.slice(name.lastIndexOf('@') + 1)
  if (kind === 'serviceAccount') {
    const owner = /^([^.]+)\.iam\.gserviceaccount\.com$/.exec(domain)?.[1]
    return owner !== undefined && project !== '' && owner !== project && !owner.startsWith('gcp-sa-')
  }
  if (PERSONAL.has(domain)) return true
  const own = email.slice(email.lastIndexOf('@') + 1)
  return own !== '' && !own.endsWith('gserviceaccount.com') && domain !== own
}

const flag = (body: unknown, names: RegExp, off: RegExp): boolean =>
  list(at(body, 'settings', 'databaseFlags')).some(
    (one) => names.test(text(at(one, 'name'))) && off.test(text(at(one, 'value'))),
  )
const OFF = /^(off|none|0|false)?$/i

/** cloudsql.instances.create, .update and .patch take a DatabaseInstance. */
const INSTANCE = /^cloudsql\.instances\.(create|insert|update|patch)$/
const CHANGED_INSTANCE = /^cloudsql\.instances\.(update|patch)$/

export const GCP_CHANGES: readonly GcpChange[] = [
  {
    methods: /^storage\./,
    documented: 'storage.setIamPermissions and ACLs: policyDelta adds allUsers or allAuthenticatedUsers',
    change: 'made-public',
    when: (call) => addedMembers(call).some((member) => PUBLIC.has(member)),
  },
  {
    methods: /^storage\./,
    documented: 'storage.setIamPermissions: policyDelta adds an account of another project or organisation',
    change: 'shared-outside',
    when: (call) => addedMembers(call).some((member) => isForeign(member, call)),
  },
  {
    methods: INSTANCE,
    documented: 'DatabaseInstance.settings.ipConfiguration.authorizedNetworks[].value is everybody',
    change: 'instance-public',
    when: ({ body }) =>
      list(at(body, 'settings', 'ipConfiguration', 'authorizedNetworks')).some((network) =>
        isEverywhere(text(at(network, 'value'))),
      ),
  },
  {
    methods: CHANGED_INSTANCE,
    documented: 'DatabaseInstance.settings.deletionProtectionEnabled is false',
    change: 'deletion-protection-off',
    when: ({ body }) => isFalse(at(body, 'settings', 'deletionProtectionEnabled')),
  },
  {
    methods: CHANGED_INSTANCE,
    documented:
      'DatabaseInstance.settings.databaseFlags: cloudsql.enable_pgaudit, pgaudit.log, cloudsql_mysql_audit off',
    change: 'audit-off',
    when: ({ body }) => flag(body, /^(cloudsql\.enable_pgaudit|pgaudit\.log|cloudsql_mysql_audit)$/, OFF),
  },
  {
    methods: CHANGED_INSTANCE,
    documented: 'DatabaseInstance.settings.databaseFlags: log_connections, general_log off',
    change: 'logging-off',
    when: ({ body }) => flag(body, /^(log_connections|general_log)$/, OFF),
  },
  {
    methods: CHANGED_INSTANCE,
    documented: 'DatabaseInstance.settings.backupConfiguration.enabled is false',
    change: 'backup-deleted',
    when: ({ body }) => isFalse(at(body, 'settings', 'backupConfiguration', 'enabled')),
  },
  {
    methods: /^cloudsql\.(backupRuns\.delete|backups\.delete|instances\.deleteBackup)$/,
    documented: 'cloudsql.backupRuns.delete',
    change: 'backup-deleted',
    when: always,
  },
  {
    methods: /^cloudsql\.instances\.export$/,
    documented: 'cloudsql.instances.export',
    change: 'exported',
    when: always,
  },
  {
    methods: /^cloudsql\.instances\.clone$/,
    documented: 'cloudsql.instances.clone: cloneContext.destinationProject is another project',
    change: 'copied-outside',
    when: ({ body, project }) => {
      const to = text(at(body, 'cloneContext', 'destinationProject'))
      return to !== '' && to !== project
    },
  },
  {
    methods: /^cloudsql\.instances\.restoreBackup$/,
    documented: 'cloudsql.instances.restoreBackup: restoreBackupContext.project is another project',
    change: 'copied-outside',
    when: ({ body, project }) => {
      const from = text(at(body, 'restoreBackupContext', 'project'))
      return from !== '' && from !== project
    },
  },
  {
    methods: /(^|\.)SetIamPolicy$/,
    documented: 'SetIamPolicy of a project: policyDelta.auditConfigDeltas removes a log type of the stores',
    change: 'audit-off',
    when: ({ payload }) =>
      list(at(payload, 'serviceData', 'policyDelta', 'auditConfigDeltas')).some(
        (delta) =>
          text(at(delta, 'action')) === 'REMOVE' &&
          /^(allServices|storage\.googleapis\.com|cloudsql\.googleapis\.com)$/.test(text(at(delta, 'service'))),
      ),
  },
  {
    methods: /^google\.logging\.v2\.ConfigServiceV2\.(DeleteSink|DeleteBucket)$/,
    documented: 'google.logging.v2.ConfigServiceV2.DeleteSink',
    change: 'logging-off',
    when: always,
  },
  {
    methods: /^google\.logging\.v2\.ConfigServiceV2\.(UpdateSink|CreateExclusion|UpdateExclusion)$/,
    documented: 'google.logging.v2.ConfigServiceV2.UpdateSink with sink.disabled; CreateExclusion',
    change: 'logging-off',
    when: ({ method, payload }) => method.endsWith('Exclusion') || at(payload, 'request', 'sink', 'disabled') === true,
  },
]

export const gcpChanges = (call: GcpCall): readonly Change[] => [
  ...new Set(GCP_CHANGES.filter((row) => row.methods.test(call.method) && row.when(call)).map(({ change }) => change)),
]

/** Where an export or copy goes: a bucket, a project, an instance. */
export const gcpDestination = ({ payload, body }: GcpCall): string | undefined => {
  const copy = text(at(payload, 'metadata', 'destination'))
  const uri = text(at(body, 'exportContext', 'uri'))
  const found =
    (/\/buckets\/([^/]+)/.exec(copy)?.[1] ?? copy) ||
    (/^gs:\/\/([^/]+)/.exec(uri)?.[1] ?? uri) ||
    text(at(body, 'cloneContext', 'destinationProject')) ||
    text(at(body, 'cloneContext', 'destinationInstanceName'))
  return found === '' ? undefined : found
}
