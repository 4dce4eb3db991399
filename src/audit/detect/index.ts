/** All detectors. A new one is a file in detectors/ and a line here; docs/reference/audit-detectors.md shows them. */
import { anonymousAccess } from './detectors/anonymous-access.ts'
import { backupDeleted } from './detectors/backup-deleted.ts'
import { copiedOutside } from './detectors/copied-outside.ts'
import { deletionProtectionOff } from './detectors/deletion-protection-off.ts'
import { denials } from './detectors/denials.ts'
import { firstSeenAddress } from './detectors/first-seen-address.ts'
import { firstSeenCredential } from './detectors/first-seen-credential.ts'
import { firstSeenPeer } from './detectors/first-seen-peer.ts'
import { firstSeenPrincipal } from './detectors/first-seen-principal.ts'
import { instancePublic } from './detectors/instance-public.ts'
import { loggingOff } from './detectors/logging-off.ts'
import { madePublic } from './detectors/made-public.ts'
import { massDownload } from './detectors/mass-download.ts'
import { silence } from './detectors/silence.ts'
import { snapshotShared } from './detectors/snapshot-shared.ts'
import { sqlCatalogueDump } from './detectors/sql-catalogue-dump.ts'
import { sqlProgram } from './detectors/sql-program.ts'
import { sqlServerFile } from './detectors/sql-server-file.ts'
import { sqlSuperuserWrite } from './detectors/sql-superuser-write.ts'
import { unusualHour } from './detectors/unusual-hour.ts'
import { unusualRows } from './detectors/unusual-rows.ts'
import { unusualSql } from './detectors/unusual-sql.ts'
import { unusualVolume } from './detectors/unusual-volume.ts'
import type { Detector } from './model.ts'

export const DETECTORS: readonly Detector[] = [
  madePublic,
  instancePublic,
  snapshotShared,
  copiedOutside,
  anonymousAccess,
  loggingOff,
  backupDeleted,
  deletionProtectionOff,
  sqlProgram,
  sqlServerFile,
  sqlCatalogueDump,
  sqlSuperuserWrite,
  denials,
  massDownload,
  firstSeenAddress,
  firstSeenPrincipal,
  firstSeenCredential,
  firstSeenPeer,
  unusualSql,
  unusualVolume,
  unusualRows,
  unusualHour,
  silence,
]
