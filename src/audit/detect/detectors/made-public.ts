/** Data was opened to everybody. */
import { quoted, storeName } from '../words.ts'
import { changed } from './changed.ts'

export const madePublic = changed(
  ['made-public'],
  {
    name: 'made-public',
    severity: 'critical',
    when: 'A bucket, object or table was opened to everybody.',
    says: 'user `eve@example.com` made `invoices` public, from 203.0.113.7',
  },
  ({ store, object }) => `made ${object === undefined ? '' : `${quoted(object)} in `}${storeName(store)} public`,
)
