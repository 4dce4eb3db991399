/** A snapshot was given to another account, or to all. */
import { quoted, storeName } from '../words.ts'
import { changed } from './changed.ts'

export const snapshotShared = changed(
  ['snapshot-shared'],
  {
    name: 'snapshot-shared',
    severity: 'critical',
    when: 'A snapshot of a database was shared with an account that is not among `own`, or with everybody.',
    says: 'user `eve` shared a snapshot of `orders-db` with `999988887777`, from 203.0.113.7',
  },
  ({ store, destination }) =>
    `shared a snapshot of ${storeName(store)} with ${destination === undefined ? 'somebody outside' : quoted(destination)}`,
  ({ destination }, { own }) => destination !== undefined && own.has(destination),
)
