/**
 * Which database of RDS a log is from: the lines do not say, the object's name does.
 *
 *     …/aws/rds/instance/shop-db/postgresql/…   an export of CloudWatch Logs
 *     …/shop-db/error/postgresql.log.2020-10-22-11, …/shop-db/audit/server_audit.log   downloaded log files
 */
import type { StoreRef } from '../../api/audit.ts'

export const rdsStore = (object: string, otherwise = ''): StoreRef => {
  const named = /(?:^|[/-])(?:instance|cluster)[/-]([A-Za-z][\w-]{0,62})\/(?:postgresql|audit|error)/.exec(object)?.[1]
  const folder =
    /(?:^|\/)([A-Za-z][\w.-]{0,100})\/(?:error\/|audit\/)?(?:postgresql\.log|server_audit\.log|audit\.log)/.exec(
      object,
    )?.[1]
  const file = object.replace(/^.*\//, '').replace(/[.](log|gz|txt).*$/, '')
  return { cloud: 'aws', kind: 'sql', name: named ?? folder ?? (otherwise || file || 'rds') }
}
