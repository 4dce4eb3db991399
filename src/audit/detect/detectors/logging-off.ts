/** Whoever switches off the logs this audit reads is told of by the last line in them. */
import { storeName } from '../words.ts'
import { changed } from './changed.ts'

export const loggingOff = changed(
  ['logging-off', 'audit-off'],
  {
    name: 'logging-off',
    severity: 'critical',
    when: 'Access logs or audit logs of a store were switched off or thinned out.',
    says: 'user `eve@example.com` switched off the access log of `invoices`, from 203.0.113.7',
  },
  ({ store, changes }) =>
    `switched off the ${changes?.includes('audit-off') ? 'audit log' : 'access log'} of ${storeName(store)}`,
)
