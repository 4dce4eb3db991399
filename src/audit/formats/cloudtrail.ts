/**
 * CloudTrail: management and data events of S3, RDS, DynamoDB and ElastiCache; what stops the trail itself.
 *
 *     {"Records":[{"eventSource":"s3.amazonaws.com","eventName":"GetObject","userIdentity":{"type":"AssumedRole","arn":…},"sourceIPAddress":…,
 *       "requestParameters":{"bucketName":…,"key":…},"additionalEventData":{"bytesTransferredOut":…},"eventCategory":"Data","eventID":…}]}
 *
 * A file is one line however long; json-records.ts cuts it, and the number of a record is its place in the list.
 */
import type { Action, Format, Outcome, Read, StoreRef } from '../../api/audit.ts'
import { origin } from './address.ts'
import { type AwsCall, awsChanges, awsDestination } from './aws-changes.ts'
import { trailPrincipal } from './aws-principal.ts'
import { at, count, list, parseObject, text } from './json.ts'
import { poison, record, skipped } from './record.ts'

const KINDS: Readonly<Record<string, StoreRef['kind']>> = {
  's3.amazonaws.com': 'object-storage',
  'rds.amazonaws.com': 'sql',
  'dynamodb.amazonaws.com': 'nosql',
  'elasticache.amazonaws.com': 'cache',
  'cloudtrail.amazonaws.com': 'object-storage',
}

export const cloudTrail: Format = {
  name: 'cloudtrail',
  description: 'CloudTrail, management and data events of S3, RDS, DynamoDB, ElastiCache',
  framing: 'json',
  detect: (head) => {
    if (!/^\ufeff?\s*[{[]/.test(head)) return 0
    const events = /"eventSource"\s*:\s*"[a-z0-9.-]+\.amazonaws\.com"/.test(head) && /"userIdentity"\s*:/.test(head)
    return !events
      ? 0
      : /^\ufeff?\s*\{\s*"Records"\s*:\s*\[/.test(head)
        ? 0.97
        : /"eventVersion"\s*:/.test(head)
          ? 0.8
          : 0
  },
  open: () => ({ line: read, end: () => [] }),
}

const read = (raw: string, line: number): readonly Read[] => {
  const event = parseObject(raw)
  if (event === undefined) return poison(line, 'it is no JSON object, or broke off', raw)
  const source = text(event['eventSource'])
  const kind = KINDS[source]
  const operation = text(event['eventName'])
  if (source === '' || operation === '') return poison(line, 'it names no event', raw)
  if (kind === undefined) return skipped(line, 'an event of another service')
  const asked = event['requestParameters']
  const account = text(event['recipientAccountId']) || text(at(event, 'userIdentity', 'accountId'))
  const call: AwsCall = { operation, asked, account, event }
  const changes = awsChanges(source, call)
  if (source === 'cloudtrail.amazonaws.com' && changes.length === 0) return skipped(line, 'an event of another service')
  const copied = operation === 'CopyObject' ? copySource(text(at(asked, 'x-amz-copy-source'))) : undefined
  const action = copied ? 'read' : actionOf(source, operation)
  const name = copied?.bucket ?? nameOf(event, asked)
  return record(
    {
      format: cloudTrail.name,
      id: text(event['eventID']) || text(event['requestID']),
      time: Date.parse(text(event['eventTime'])),
      store: { cloud: 'aws', kind, name: name || account, ...(account !== '' && { owner: account }) },
      principal: trailPrincipal(event['userIdentity']),
      ...origin(text(event['sourceIPAddress'])),
      action,
      operation,
      outcome: outcomeOf(text(event['errorCode'])),
      object: (copied?.key ?? text(at(asked, 'key'))) || undefined,
      bytes: count(at(event, 'additionalEventData', action === 'write' ? 'bytesTransferredIn' : 'bytesTransferredOut')),
      userAgent: text(event['userAgent']) || undefined,
      destination: awsDestination(call),
      changes: changes.length > 0 ? changes : undefined,
    },
    line,
    raw,
  )
}

/** What the caller of each service calls the store; a table or snapshot may be named by its ARN. */
const NAMES = [
  'bucketName',
  'tableName',
  'dBInstanceIdentifier',
  'dBClusterIdentifier',
  'dBSnapshotIdentifier',
  'dBClusterSnapshotIdentifier',
  'sourceArn',
  'dBParameterGroupName',
  'dBClusterParameterGroupName',
  'optionGroupName',
  'tableArn',
  'backupArn',
  'resourceArn',
  'cacheClusterId',
  'replicationGroupId',
  'serverlessCacheName',
  'snapshotName',
  'sourceSnapshotName',
  'serverlessCacheSnapshotName',
  'name',
  'trailName',
]
const shorten = (name: string): string =>
  name.startsWith('arn:') ? (/:table\/([^/]+)/.exec(name)?.[1] ?? name.replace(/^.*[:/]/, '')) : name
const nameOf = (event: unknown, asked: unknown): string => {
  for (const key of NAMES) {
    const name = text(at(asked, key))
    if (name !== '') return shorten(name)
  }
  // Batches and transactions name their tables in `resources` alone.
  const arns = list(at(event, 'resources')).map((one) => text(at(one, 'ARN')))
  const found = arns.find((arn) => /:table\/|:s3:::[^/]+$/.test(arn)) ?? arns[0] ?? ''
  return shorten(found)
}

const copySource = (source: string): { readonly bucket: string; readonly key: string } | undefined => {
  const [, bucket, key] = /^\/?([^/]+)\/(.+)$/s.exec(source) ?? []
  return bucket === undefined || key === undefined ? undefined : { bucket, key: key.replace(/\?versionId=.*$/, '') }
}

const DENIED =
  /AccessDenied|Unauthorized|NotAuthorized|SignatureDoesNotMatch|InvalidAccessKeyId|InvalidClientTokenId|ExpiredToken|AllAccessDisabled/
const outcomeOf = (error: string): Outcome => (error === '' ? 'allowed' : DENIED.test(error) ? 'denied' : 'failed')

const actionOf = (source: string, operation: string): Action => {
  if (source === 's3.amazonaws.com') {
    if (/^(GetObject|HeadObject|SelectObjectContent|GetObjectTorrent|GetObjectAttributes)$/.test(operation))
      return 'read'
    if (
      /^(ListObjects|ListObjectsV2|ListObjectVersions|ListBuckets|ListMultipartUploads|ListParts|HeadBucket)$/.test(
        operation,
      )
    )
      return 'list'
    if (
      /^(PutObject|CopyObject|PostObject|CreateMultipartUpload|UploadPart|UploadPartCopy|CompleteMultipartUpload|RestoreObject|AbortMultipartUpload)$/.test(
        operation,
      )
    )
      return 'write'
    if (/^Delete(Object|Objects)$/.test(operation)) return 'delete'
  }
  if (source === 'dynamodb.amazonaws.com') {
    if (/^(GetItem|BatchGetItem|TransactGetItems|Query|GetRecords)$/.test(operation)) return 'read'
    if (/^(Scan|ListTables)$/.test(operation)) return operation === 'Scan' ? 'read' : 'list'
    if (/^(PutItem|UpdateItem|BatchWriteItem|TransactWriteItems)$/.test(operation)) return 'write'
    if (operation === 'DeleteItem') return 'delete'
    if (/^(ExecuteStatement|BatchExecuteStatement|ExecuteTransaction)$/.test(operation)) return 'query'
  }
  return 'admin'
}
