/** Much more data left than on other days. */
import { accessKey } from '../keys.ts'
import { place, size, storeName, who } from '../words.ts'
import { unusualAmount } from './amount.ts'
import { addressKey, addressNews } from './first-seen-address.ts'

const READS = ['read', 'query', 'flow']
const amount = unusualAmount(
  {
    name: 'unusual-volume',
    severity: 'high',
    when: 'Within a day a principal read more than `volumeFloorBytes`, than five deviations above the median, and than half as much again as on any other day; after 20 days with reads.',
    says: 'service account `billing@example` read 412 MB from `invoices`; usually at most 9 MB a day over 31 days; from 203.0.113.7, never seen with this account',
  },
  {
    key: (record) => accessKey('volume', record),
    of: ({ action, bytes }) => (READS.includes(action) && bytes !== undefined && bytes >= 0 ? bytes : undefined),
    how: 'sum',
    floor: ({ volumeFloorBytes }) => volumeFloorBytes,
    say: (record, context, today, most, days) =>
      `${who(record.principal)} read ${size(today)} from ${storeName(record.store)}; usually at most ${size(most)} a day over ${days} days; from ${place(record)}${addressNews(record, context)}`,
  },
)
/** Its sentence tells of the address too. */
export const unusualVolume = {
  ...amount,
  needs: (record: Parameters<typeof amount.needs>[0]) =>
    amount.needs(record).flatMap((key) => [key, addressKey(record)]),
}
