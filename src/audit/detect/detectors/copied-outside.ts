/**
 * Data left for somewhere that is not ours: copied, shared or exported. An export to our own bucket is what backups do; one whose destination
 * the log does not tell is told, less loudly.
 */
import { quoted, storeName } from '../words.ts'
import { changed } from './changed.ts'

const WORDS = { 'copied-outside': 'copied data of', 'shared-outside': 'shared', exported: 'exported' } as const
type Leaving = keyof typeof WORDS
const LEAVING = Object.keys(WORDS) as Leaving[]

export const copiedOutside = changed(
  LEAVING,
  {
    name: 'copied-outside',
    severity: 'high',
    when: 'Data was copied, shared or exported to a project, account or bucket that is neither the owner of the store nor among `own`.',
    says: 'service account `etl@example` copied data of `invoices` to `projects/elsewhere`, from 203.0.113.7',
  },
  ({ store, changes, destination }) => {
    const word = WORDS[LEAVING.find((one) => changes?.includes(one))!]
    return `${word} ${storeName(store)} to ${destination === undefined ? 'a place that the log does not tell' : quoted(destination)}`
  },
  ({ destination, store }, { own }) =>
    destination !== undefined && (destination === store.owner || own.has(destination)),
  ({ destination, changes }) => (destination === undefined && changes?.includes('exported') ? 'medium' : 'high'),
)
