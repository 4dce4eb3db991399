/**
 * What management events of S3, RDS, DynamoDB, ElastiCache and CloudTrail changed. Each row names the API's operations as the service's
 * API reference does, and under which condition on `requestParameters` it is a change that somebody should see.
 */
import type { Change } from '../../api/audit.ts'
import { at, isFalse, isObject, isTrue, list, parseObject, text } from './json.ts'

export interface AwsCall {
  readonly operation: string
  /** requestParameters */
  readonly asked: unknown
  /** Account whose event it is. */
  readonly account: string
  readonly event: unknown
}
export interface AwsChange {
  readonly source: string
  readonly operations: RegExp
  readonly documented: string
  readonly change: Change
  readonly when: (call: AwsCall) => boolean
}

const always = () => true

/** A policy comes as an object, or as its text. */
const statements = (policy: unknown): readonly unknown[] =>
  list(at(typeof policy === 'string' ? parseObject(policy) : policy, 'Statement')).filter(
    (one) => text(at(one, 'Effect')) === 'Allow',
  )
const policyOf = ({ asked }: AwsCall): unknown => at(asked, 'bucketPolicy') ?? at(asked, 'policy')
const principalsOf = (statement: unknown): readonly string[] => {
  const principal = at(statement, 'Principal')
  return (isObject(principal) ? Object.values(principal).flatMap((one) => list(one)) : list(principal)).map(text)
}
/** With a condition it may still be everybody, but whether it is cannot be told from here. */
const opensToAll = (call: AwsCall): boolean =>
  statements(policyOf(call)).some((one) => principalsOf(one).includes('*') && at(one, 'Condition') === undefined)
const accountIn = (principal: string): string | undefined =>
  /^(?:arn:aws[a-z-]*:(?:iam|sts)::)?(\d{12})(?::|$)/.exec(principal)?.[1]
const foreignAccounts = (call: AwsCall): readonly string[] =>
  statements(policyOf(call))
    .flatMap(principalsOf)
    .map(accountIn)
    .filter((account) => account !== undefined && account !== call.account) as string[]

const ALL_USERS = /\/groups\/global\/(AllUsers|AuthenticatedUsers)$/
const grantsAll = ({ asked }: AwsCall): boolean => {
  const canned = list(at(asked, 'x-amz-acl')).map(text)
  if (canned.some((one) => /^(public-read|public-read-write|authenticated-read)$/.test(one))) return true
  const grants = list(at(asked, 'AccessControlPolicy', 'AccessControlList', 'Grant'))
  const headers = isObject(asked) ? Object.keys(asked).filter((name) => /^x-amz-grant-/i.test(name)) : []
  return (
    grants.some((grant) => ALL_USERS.test(text(at(grant, 'Grantee', 'URI')))) ||
    headers.some((name) =>
      list(at(asked, name)).some((one) => /\/groups\/global\/(AllUsers|AuthenticatedUsers)/.test(text(one))),
    )
  )
}

const parameters = ({ asked }: AwsCall, names: RegExp, off: RegExp): boolean =>
  list(at(asked, 'parameters')).some(
    (one) => names.test(text(at(one, 'parameterName'))) && off.test(text(at(one, 'parameterValue'))),
  )
const OFF = /^(off|none|0|false)?$/i
const disabledLogs = ({ asked }: AwsCall): readonly string[] =>
  list(at(asked, 'cloudwatchLogsExportConfiguration', 'disableLogTypes')).map(text)
const isZero = (value: unknown): boolean => value === 0 || value === '0'

const S3 = 's3.amazonaws.com'
const RDS = 'rds.amazonaws.com'
const DYNAMODB = 'dynamodb.amazonaws.com'
const ELASTICACHE = 'elasticache.amazonaws.com'
const CLOUDTRAIL = 'cloudtrail.amazonaws.com'
const MODIFY = /^Modify(DBInstance|DBCluster)$/
const SHARE = /^ModifyDB(Cluster)?SnapshotAttribute$/
const toRestore = ({ asked }: AwsCall): readonly string[] =>
  text(at(asked, 'attributeName')) === 'restore' ? list(at(asked, 'valuesToAdd')).map(text) : []

const row = (
  source: string,
  operations: RegExp,
  documented: string,
  change: Change,
  when: (call: AwsCall) => boolean = always,
): AwsChange => ({ source, operations, documented, change, when })

export const AWS_CHANGES: readonly AwsChange[] = [
  row(S3, /^PutBucketPolicy$/, 'PutBucketPolicy: Allow to Principal * without a Condition', 'made-public', opensToAll),
  row(
    S3,
    /^Put(Bucket|Object)Acl$|^(CreateBucket|PutObject|CopyObject)$/,
    'PutBucketAcl, PutObjectAcl, x-amz-acl: AllUsers or AuthenticatedUsers',
    'made-public',
    grantsAll,
  ),
  row(S3, /^Delete(Bucket|Account)?PublicAccessBlock$/, 'DeletePublicAccessBlock', 'made-public'),
  row(
    S3,
    /^Put(Bucket|Account)?PublicAccessBlock$/,
    'PutPublicAccessBlock with a guard that is false',
    'made-public',
    ({ asked }) => {
      const guards = at(asked, 'PublicAccessBlockConfiguration')
      return isObject(guards) && Object.values(guards).some(isFalse)
    },
  ),
  row(
    S3,
    /^PutBucketPolicy$/,
    'PutBucketPolicy: Allow to another account',
    'shared-outside',
    (call) => foreignAccounts(call).length > 0,
  ),
  row(
    S3,
    /^PutBucketLogging$/,
    'PutBucketLogging without LoggingEnabled',
    'logging-off',
    ({ asked }) => !isObject(at(asked, 'BucketLoggingStatus', 'LoggingEnabled')),
  ),
  row(
    S3,
    /^PutBucketReplication$/,
    'PutBucketReplication: Destination.Account is another account',
    'copied-outside',
    ({ asked, account }) =>
      list(at(asked, 'ReplicationConfiguration', 'Rule')).some((rule) => {
        const to = text(at(rule, 'Destination', 'Account'))
        return to !== '' && to !== account
      }),
  ),
  row(
    S3,
    /^CopyObject$/,
    'CopyObject between buckets of two accounts (resources[].accountId)',
    'copied-outside',
    ({ event }) => {
      const owners = list(at(event, 'resources'))
        .map((one) => text(at(one, 'accountId')))
        .filter((one) => one !== '')
      return new Set(owners).size > 1
    },
  ),
  row(
    RDS,
    /^(Create|Modify)DB(Instance|Cluster)$|^RestoreDB/,
    'PubliclyAccessible is true',
    'instance-public',
    ({ asked }) => isTrue(at(asked, 'publiclyAccessible')),
  ),
  row(RDS, MODIFY, 'DeletionProtection is false', 'deletion-protection-off', ({ asked }) =>
    isFalse(at(asked, 'deletionProtection')),
  ),
  row(RDS, MODIFY, 'BackupRetentionPeriod is 0', 'backup-deleted', ({ asked }) =>
    isZero(at(asked, 'backupRetentionPeriod')),
  ),
  row(
    RDS,
    MODIFY,
    'CloudwatchLogsExportConfiguration.DisableLogTypes names a log',
    'logging-off',
    (call) => disabledLogs(call).length > 0,
  ),
  row(RDS, MODIFY, 'CloudwatchLogsExportConfiguration.DisableLogTypes names audit', 'audit-off', (call) =>
    disabledLogs(call).includes('audit'),
  ),
  row(
    RDS,
    SHARE,
    'ModifyDBSnapshotAttribute: restore for an account, or all',
    'snapshot-shared',
    (call) => toRestore(call).length > 0,
  ),
  row(RDS, SHARE, 'ModifyDBSnapshotAttribute: restore for all', 'made-public', (call) =>
    toRestore(call).includes('all'),
  ),
  row(
    RDS,
    /^Delete(DBSnapshot|DBClusterSnapshot|DBInstanceAutomatedBackup|DBClusterAutomatedBackup)$/,
    'DeleteDBSnapshot, DeleteDBInstanceAutomatedBackup',
    'backup-deleted',
  ),
  row(
    RDS,
    /^DeleteDB(Instance|Cluster)$/,
    'DeleteDBInstance with SkipFinalSnapshot, or DeleteAutomatedBackups',
    'backup-deleted',
    ({ asked }) => isTrue(at(asked, 'skipFinalSnapshot')) || isTrue(at(asked, 'deleteAutomatedBackups')),
  ),
  row(RDS, /^StartExportTask$/, 'StartExportTask', 'exported'),
  row(
    RDS,
    /^ModifyDB(Cluster)?ParameterGroup$/,
    'pgaudit.log, server_audit_logging and their like off',
    'audit-off',
    (call) => parameters(call, /^(pgaudit\.log|server_audit_logging|server_audit_events)$/, OFF),
  ),
  row(RDS, /^ModifyDB(Cluster)?ParameterGroup$/, 'log_connections, general_log off', 'logging-off', (call) =>
    parameters(call, /^(log_connections|log_statement|general_log)$/, OFF),
  ),
  row(RDS, /^ModifyOptionGroup$/, 'OptionsToRemove names MARIADB_AUDIT_PLUGIN', 'audit-off', ({ asked }) =>
    list(at(asked, 'optionsToRemove')).map(text).includes('MARIADB_AUDIT_PLUGIN'),
  ),
  row(RDS, /^StopActivityStream$/, 'StopActivityStream', 'audit-off'),
  row(
    DYNAMODB,
    /^PutResourcePolicy$/,
    'PutResourcePolicy: Allow to Principal * without a Condition',
    'made-public',
    opensToAll,
  ),
  row(
    DYNAMODB,
    /^PutResourcePolicy$/,
    'PutResourcePolicy: Allow to another account',
    'shared-outside',
    (call) => foreignAccounts(call).length > 0,
  ),
  row(DYNAMODB, /^ExportTableToPointInTime$/, 'ExportTableToPointInTime', 'exported'),
  row(DYNAMODB, /^DeleteBackup$/, 'DeleteBackup', 'backup-deleted'),
  row(DYNAMODB, /^UpdateContinuousBackups$/, 'PointInTimeRecoveryEnabled is false', 'backup-deleted', ({ asked }) =>
    isFalse(at(asked, 'pointInTimeRecoverySpecification', 'pointInTimeRecoveryEnabled')),
  ),
  row(DYNAMODB, /^UpdateTable$/, 'DeletionProtectionEnabled is false', 'deletion-protection-off', ({ asked }) =>
    isFalse(at(asked, 'deletionProtectionEnabled')),
  ),
  row(
    ELASTICACHE,
    /^(CopySnapshot|CopyServerlessCacheSnapshot|ExportServerlessCacheSnapshot)$/,
    'CopySnapshot with TargetBucket, ExportServerlessCacheSnapshot',
    'exported',
    (call) => awsDestination(call) !== undefined,
  ),
  row(ELASTICACHE, /^Delete(Serverless)?(Cache)?Snapshot$/, 'DeleteSnapshot', 'backup-deleted'),
  row(
    CLOUDTRAIL,
    /^(StopLogging|DeleteTrail|StopEventDataStoreIngestion|DeleteEventDataStore)$/,
    'StopLogging, DeleteTrail',
    'logging-off',
  ),
  row(CLOUDTRAIL, /^PutEventSelectors$/, 'PutEventSelectors whose selectors name no data', 'audit-off', ({ asked }) => {
    const plain = list(at(asked, 'eventSelectors'))
    return plain.length > 0 && plain.every((one) => list(at(one, 'dataResources')).length === 0)
  }),
]

export const awsChanges = (source: string, call: AwsCall): readonly Change[] => [
  ...new Set(
    AWS_CHANGES.filter((one) => one.source === source && one.operations.test(call.operation) && one.when(call)).map(
      ({ change }) => change,
    ),
  ),
]

/** Where a copy, an export or a share goes: a bucket, or an account. */
export const awsDestination = (call: AwsCall): string | undefined => {
  const { asked, operation } = call
  const shared = toRestore(call)[0] ?? (/Policy$/.test(operation) ? foreignAccounts(call)[0] : undefined)
  const found =
    (operation === 'CopyObject' ? text(at(asked, 'bucketName')) : '') ||
    text(at(asked, 's3BucketName')) ||
    text(at(asked, 's3Bucket')) ||
    text(at(asked, 'targetBucket')) ||
    text(at(list(at(asked, 'ReplicationConfiguration', 'Rule'))[0], 'Destination', 'Bucket')).replace(
      /^arn:aws[a-z-]*:s3:::/,
      '',
    )
  return found || shared
}
