/**
 * From where a principal comes, in tiers: what is told is the widest that is new. A service account that comes from a new network is news, a
 * person who does is travelling, unless it is another country.
 */
import type { AccessRecord, Action, Severity } from '../../../api/audit.ts'
import { type Tiers, tiersOf } from '../address.ts'
import { accessKey, isSomebody } from '../keys.ts'
import { isGrown, isHeld, isKnown } from '../learned.ts'
import { type Context, type Detector, type Learned, NOTHING } from '../model.ts'
import { kindOf, number, place, plain, span, storeName, who } from '../words.ts'

const TOPIC = 'address'
export const addressKey = (record: AccessRecord) => accessKey(TOPIC, record)

type Tier = 'where' | 'network' | 'exact' | 'service'
const STRICT: Readonly<Record<Tier, Severity>> = { where: 'high', network: 'medium', exact: 'low', service: 'medium' }
const LOOSE: Readonly<Record<Tier, Severity>> = { where: 'medium', network: 'low', exact: 'low', service: 'low' }
/** A principal with so few addresses has one place: there, even a neighbour's address is news. */
const SETTLED = 3
/** One with so many networks is everywhere. */
const ROAMING = 20

const DID: Readonly<Record<Action, string>> = {
  read: 'read',
  list: 'listed',
  write: 'wrote to',
  delete: 'deleted from',
  query: 'queried',
  connect: 'connected to',
  admin: 'administered',
  flow: 'talked to',
}

function valuesOf(record: AccessRecord, tiers: Tiers | undefined): readonly (readonly [Tier, string])[] {
  if (tiers === undefined) return record.service === undefined ? [] : [['service', `s:${record.service}`]]
  const { where, network, exact } = tiers
  return [
    ...(where === undefined ? [] : [['where', `w:${where}`] as const]),
    ['network', `n:${network}`],
    ['exact', `a:${exact}`],
  ]
}

/** ", never seen with this account" for other detectors' sentences; nothing while it is not known what is usual. */
export function addressNews(record: AccessRecord, { learned, settings }: Context): string {
  const before = learned(addressKey(record))
  const tiers = tiersOf(record.address ?? '', settings.whereabouts)
  if (tiers === undefined || !isGrown(before, record.time, settings)) return ''
  return isKnown(before, `a:${tiers.exact}`, record.time, settings.forgetMs)
    ? ''
    : `, never seen with this ${kindOf(record.principal).split(' ').at(-1)}`
}

export const firstSeenAddress: Detector = {
  name: 'first-seen-address',
  severity: 'high',
  kind: 'learned',
  when: 'A principal whose learning period is over comes from a country or network (high for service accounts and roles, medium for people), a network of a known country (one less), or, where it has at most three addresses, an address (low) never seen with it. Without a database of countries a new public network counts as a country.',
  says: 'service account `billing@example` read `invoices` from 203.0.113.7, never seen with this account; usually from 10.0.0.0/16; 212 accesses over 31 days',
  needs: (record) => (isSomebody(record.principal) && record.action !== 'flow' ? [addressKey(record)] : []),
  judge(record, { learned, settings }) {
    const { principal, time, action, store } = record
    if (!isSomebody(principal) || action === 'flow' || record.outcome !== 'allowed') return NOTHING
    const key = addressKey(record)
    const before = learned(key)
    const tiers = tiersOf(record.address ?? '', settings.whereabouts)
    const values = valuesOf(record, tiers)
    if (values.length === 0) return NOTHING
    const news = values.filter(([, value]) => !isKnown(before, value, time, settings.forgetMs))
    const learnAll = { suspicions: [], lessons: [{ key, time, see: values.map(([, value]) => value) }] }
    const [widest] = news
    if (widest === undefined || !isGrown(before, time, settings)) return learnAll
    const [tier, value] = widest
    const networks = [...before.values].filter(([one, { held }]) => one.startsWith('n:') && !held)
    const addresses = [...before.values].filter(([one, { held }]) => one.startsWith('a:') && !held)
    if (tier === 'exact' && addresses.length > SETTLED && !isHeld(before, value)) return learnAll
    const known = values.filter((one) => !news.includes(one)).map(([, one]) => one)
    // Nothing said where it is: a network that is new may be anywhere.
    const asTier = tier === 'network' && tiers?.where === undefined ? 'where' : tier
    const table = principal.kind === 'user' ? LOOSE : STRICT
    const severity = networks.length > ROAMING ? 'low' : table[asTier]
    const located = tier === 'where' && tiers?.where !== undefined ? ` (${plain(tiers.where, 40)})` : ''
    const why = `${who(principal)} ${DID[action]} ${storeName(store)} from ${place(record)}${located}, never seen with this ${kindOf(principal).split(' ').at(-1)}; ${usually(before, time)}`
    return {
      suspicions: [
        {
          severity,
          subject: value,
          why,
          hold: { key, values: news.map(([, one]) => one) },
          again: isHeld(before, value),
          ...(severity === 'low'
            ? {
                gather: {
                  group: key.entity,
                  of: `accesses of ${who(principal)} from new addresses`,
                  example: place(record),
                },
              }
            : {}),
        },
      ],
      lessons: known.length === 0 ? [] : [{ key, time, see: known }],
    }
  },
}

function usually({ values, first, events }: Learned, time: number): string {
  const best = [...values]
    .filter(([value, { held }]) => !held && (value.startsWith('n:') || value.startsWith('s:')))
    .sort(([, a], [, b]) => b.count - a.count)
  const shown = best.slice(0, 2).map(([value]) => plain(value.slice(2), 50))
  const more = best.length > 2 ? ` and ${best.length - 2} more` : ''
  return `usually from ${shown.join(' and ') || 'elsewhere'}${more}; ${number(events)} accesses over ${span(time - first)}`
}
