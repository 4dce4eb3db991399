/** A database was put on the internet. */
import { storeName } from '../words.ts'
import { changed } from './changed.ts'

export const instancePublic = changed(
  ['instance-public'],
  {
    name: 'instance-public',
    severity: 'critical',
    when: 'A database instance was made reachable from any address.',
    says: 'user `eve@example.com` made the instance `orders-db` reachable from the internet, from 203.0.113.7',
  },
  ({ store }) => `made the instance ${storeName(store)} reachable from the internet`,
)
