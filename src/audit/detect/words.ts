/**
 * How findings speak. Every value in a sentence was written by somebody else: it stands in backticks, on one line, without anything that
 * moves the cursor, turns the reading direction or hides, and no longer than a person reads. Whoever sends it on (Slack, HTML) escapes again.
 */
import type { AccessRecord, Principal, PrincipalKind, StoreRef } from '../../api/audit.ts'
import { HOUR } from './settings.ts'

/** Text from a log, fit to be shown: at most `most` characters. */
export function plain(text: string, most = 80): string {
  // Cut before looking at it: a value may be as long as its record.
  const points = [...text.slice(0, most * 2 + 2).replaceAll(/[\p{C}\p{Zl}\p{Zp}\p{M}]+/gu, '?')]
  const cut = points.length > most || text.length > most * 2 + 2
  return (cut ? `${points.slice(0, most - 1).join('')}…` : points.join('')).replaceAll('`', "'")
}

/** The same in backticks. */
export const quoted = (text: string, most = 80): string => `\`${plain(text, most)}\``

const KINDS: Readonly<Record<PrincipalKind, string>> = {
  user: 'user',
  'service-account': 'service account',
  role: 'role',
  'database-user': 'database user',
  anonymous: 'somebody anonymous',
  peer: 'peer',
  unknown: 'somebody unknown',
}
export const kindOf = ({ kind }: Principal): string => KINDS[kind]

/** "service account `billing@…`" */
export const who = (principal: Principal): string =>
  principal.id === '' ? kindOf(principal) : `${kindOf(principal)} ${quoted(principal.id)}`

export const storeName = (store: StoreRef): string => quoted(store.name)

/** "203.0.113.7", "`logging.googleapis.com`", or "an address that the log does not tell" */
export const place = ({ address, service }: AccessRecord): string =>
  address !== undefined
    ? plain(address, 45)
    : service !== undefined
      ? quoted(service)
      : 'an address that the log does not tell'

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
/** "412 MB": decimal, two or three figures, as bills count. */
export function size(bytes: number): string {
  let value = bytes
  let unit = 0
  while (Math.round(value) >= 1000 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${value < 10 && unit > 0 ? Number(value.toFixed(1)) : Math.round(value)} ${UNITS[unit]}`
}

/** "3 days", "1 hour": one unit, rounded down. */
export function span(ms: number): string {
  const [count, unit] =
    ms >= 48 * HOUR
      ? [Math.floor(ms / (24 * HOUR)), 'day']
      : ms >= HOUR
        ? [Math.floor(ms / HOUR), 'hour']
        : [Math.max(1, Math.ceil(ms / 60_000)), 'minute']
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

/** "2026-11-24" */
export const date = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

export const number = (count: number): string => Math.round(count).toLocaleString('en-US')
