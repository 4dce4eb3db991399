/** Who talks to a cache. It has no accounts: the address is all there is. Where Pods
 * come and go over many networks only a new wide network is news; a cache with few peers is watched closely. */
import type { AccessRecord } from '../../../api/audit.ts'
import { tiersOf } from '../address.ts'
import { storeKey } from '../keys.ts'
import { isGrown, isHeld, isKnown } from '../learned.ts'
import { type Detector, NOTHING } from '../model.ts'
import { plain, span, storeName } from '../words.ts'

const TOPIC = 'peer'
const SETTLED = 3
const isFlow = ({ action, flow, store }: AccessRecord): boolean =>
  action === 'flow' && flow !== undefined && store.kind === 'cache'

export const firstSeenPeer: Detector = {
  name: 'first-seen-peer',
  severity: 'high',
  kind: 'learned',
  when: 'A cache whose learning period is over is talked to from a wide network (/16, /48) never seen with it, from a network (/24) where at most three are known (both high), or by an address where at most three are known (medium).',
  says: '10.1.9.77 talked to the cache `sessions` on port 6379 for the first time; 2 peers are known over 31 days',
  needs: (record) => (isFlow(record) ? [storeKey(TOPIC, record)] : []),
  judge(record, { learned, settings }) {
    const { flow, time, store } = record
    if (!isFlow(record) || flow === undefined || record.outcome !== 'allowed') return NOTHING
    const tiers = tiersOf(flow.from, settings.whereabouts, 24)
    const wide = tiersOf(flow.from, settings.whereabouts, 16)
    if (tiers === undefined || wide === undefined) return NOTHING
    const key = storeKey(TOPIC, record)
    const before = learned(key)
    const values = [`w:${wide.network}`, `n:${tiers.network}`, `a:${tiers.exact}`]
    const news = values.filter((value) => !isKnown(before, value, time, settings.forgetMs))
    const learnAll = { suspicions: [], lessons: [{ key, time, see: values }] }
    const [widest] = news
    if (widest === undefined || !isGrown(before, time, settings)) return learnAll
    const count = (tier: string): number =>
      [...before.values].filter(([value, { held }]) => value.startsWith(tier) && !held).length
    const peers = count('a:')
    // Wide networks are always news.
    if (!widest.startsWith('w:') && count(widest.slice(0, 2)) > SETTLED && !isHeld(before, widest)) return learnAll
    const why = `${tiers.exact} talked to the cache ${storeName(store)} on port ${plain(String(flow.port), 10)} for the first time; ${peers} ${peers === 1 ? 'peer is' : 'peers are'} known over ${span(time - before.first)}`
    const known = values.filter((value) => !news.includes(value))
    return {
      suspicions: [
        {
          severity: widest.startsWith('a:') ? 'medium' : 'high',
          subject: widest,
          why,
          hold: { key, values: news },
          again: isHeld(before, widest),
        },
      ],
      lessons: known.length === 0 ? [] : [{ key, time, see: known }],
    }
  },
}
