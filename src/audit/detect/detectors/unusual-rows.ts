/** One statement returned many more rows than any did. */
import { databaseKey } from '../keys.ts'
import { number, place, storeName, who } from '../words.ts'
import { unusualAmount } from './amount.ts'

export const unusualRows = unusualAmount(
  {
    name: 'unusual-rows',
    severity: 'medium',
    when: 'A statement returned or changed more rows than `rowsFloor`, than five deviations above the median of the daily largest, and than half as much again as any other; after 20 days.',
    says: 'database user `app` got 1,000,000 rows by one statement from `orders-db`; usually at most 250 over 31 days; from 10.0.3.7',
  },
  {
    key: (record) => databaseKey('rows', record),
    of: ({ statement, rows }) => (statement !== undefined && rows !== undefined && rows >= 0 ? rows : undefined),
    how: 'most',
    floor: ({ rowsFloor }) => rowsFloor,
    say: (record, _context, today, most, days) =>
      `${who(record.principal)} got ${number(today)} rows by one statement from ${storeName(record.store)}; usually at most ${number(most)} over ${days} days; from ${place(record)}`,
  },
)
