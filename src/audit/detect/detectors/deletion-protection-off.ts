/** What keeps a store from being deleted by one command was taken away. */
import { storeName } from '../words.ts'
import { changed } from './changed.ts'

export const deletionProtectionOff = changed(
  ['deletion-protection-off'],
  {
    name: 'deletion-protection-off',
    severity: 'medium',
    when: 'Deletion protection, versioning or retention of a store was switched off.',
    says: 'user `eve@example.com` switched off the protection of `orders-db` against deletion, from 203.0.113.7',
  },
  ({ store }) => `switched off the protection of ${storeName(store)} against deletion`,
)
