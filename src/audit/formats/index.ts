/**
 * Every log format there is, one file each. Whoever adds one adds its file and a line here, a sample with what it should give in
 * test/audit/samples/, and a row in docs/reference/audit-formats.md, which a test asks for.
 */
import type { Format } from '../../api/audit.ts'
import { awsVpcFlows } from './aws-vpc-flows.ts'
import { cloudSqlMysqlGeneral } from './cloudsql-mysql-general.ts'
import { cloudSqlPostgres } from './cloudsql-postgres.ts'
import { cloudTrail } from './cloudtrail.ts'
import { gcpAudit } from './gcp-audit.ts'
import { gcpVpcFlows } from './gcp-vpc-flows.ts'
import { gcsUsage } from './gcs-usage.ts'
import { entryFormats } from './log-entry.ts'
import { rdsMysqlAudit } from './rds-mysql-audit.ts'
import { rdsPostgresPgaudit } from './rds-postgres-pgaudit.ts'
import { s3Access } from './s3-access.ts'

export const FORMATS: readonly Format[] = [
  gcsUsage,
  ...entryFormats([gcpAudit, cloudSqlPostgres, cloudSqlMysqlGeneral, gcpVpcFlows]),
  s3Access,
  cloudTrail,
  rdsPostgresPgaudit,
  rdsMysqlAudit,
  awsVpcFlows,
]

/** How sure a format has to be. */
const SURE = 0.5
/** As much of an object as `detect` looks at, in characters. */
export const HEAD = 64 * 1024

/** The format of an object by what stands in it; undefined where it is none of these. */
export const detectFormat = (head: string, object: string): Format | undefined => {
  let best: { readonly format: Format; readonly score: number } | undefined
  for (const format of FORMATS) {
    const score = format.detect(head.slice(0, HEAD), object)
    if (score > SURE && score > (best?.score ?? 0)) best = { format, score }
  }
  return best?.format
}

export const formatNamed = (name: string): Format | undefined => FORMATS.find((format) => format.name === name)
