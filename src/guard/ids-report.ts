/**
 * What an agent says on its Lease, read as data of somebody who may be broken or bought: bounded, printable, and whatever is not shaped as
 * it should be says nothing at all. A Lease can make a node blind and never covered, so to leave one out opens nothing that the readiness
 * of the Pod does not close.
 */
import { IDS_CHECKS, type IdsCheck, type IdsInterfaceReport, type IdsReport } from '../api/ids.ts'
import { printableLine } from '../api/printable-line.ts'

/** No report that the agent writes is near it. */
const LONGEST = 16 * 1024
const LONGEST_TEXT = 300
const MOST_INTERFACES = 32
const MOST_BLIND_SPOTS = 16

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
const isCheck = (value: unknown): value is IdsCheck => typeof value === 'string' && Object.hasOwn(IDS_CHECKS, value)

const textOr = (value: unknown, other: string): string =>
  typeof value === 'string' ? printableLine(value, LONGEST_TEXT) : other
const numberOr = (value: unknown, other: number): number => (isNumber(value) ? value : other)

function interfaces(value: unknown): IdsInterfaceReport[] {
  if (!Array.isArray(value)) return []
  return value
    .slice(0, MOST_INTERFACES)
    .filter(isRecord)
    .map(({ name, packets, drops, canary }) => ({
      name: textOr(name, ''),
      packets: numberOr(packets, 0),
      drops: numberOr(drops, 0),
      canary: numberOr(canary, -1),
    }))
}

/**
 * Reads the annotation `sekisho.dev/ids-report`. A check that this version does not know still says "not ready": the agent may be newer.
 * @returns undefined where it says nothing that can be relied on
 */
export function parseIdsReport(text: string | undefined): IdsReport | undefined {
  if (text === undefined || text.length > LONGEST) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isRecord(value) || value['v'] !== 1 || typeof value['ready'] !== 'boolean') return undefined
  const { ready, check, detail, version, blindSpots } = value
  const rules = isRecord(value['rules']) ? value['rules'] : {}
  return {
    v: 1,
    ready,
    check: !ready && isCheck(check) ? check : '',
    detail: textOr(detail, ''),
    rules: {
      loaded: numberOr(rules['loaded'], 0),
      failed: numberOr(rules['failed'], 0),
      set: textOr(rules['set'], ''),
      ageHours: numberOr(rules['ageHours'], 0),
    },
    interfaces: interfaces(value['interfaces']),
    blindSpots: Array.isArray(blindSpots) ? blindSpots.slice(0, MOST_BLIND_SPOTS).map((spot) => textOr(spot, '')) : [],
    version: textOr(version, ''),
  }
}
