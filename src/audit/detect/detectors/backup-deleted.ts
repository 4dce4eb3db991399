/** Backups are deleted before data is held to ransom. */
import { quoted, storeName } from '../words.ts'
import { changed } from './changed.ts'

export const backupDeleted = changed(
  ['backup-deleted'],
  {
    name: 'backup-deleted',
    severity: 'high',
    when: 'A backup or snapshot was deleted, or backups were switched off.',
    says: 'user `eve@example.com` deleted a backup of `orders-db`, from 203.0.113.7',
  },
  ({ store, object }) => `deleted a backup of ${storeName(store)}${object === undefined ? '' : ` (${quoted(object)})`}`,
)
