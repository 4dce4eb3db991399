/** `sekisho status coverage` for people: alike nodes are one line, so that 5,000 of them still fit on a screen. */
import type { CoverageTable, NamespaceRow, NodeRow, NodeState } from '../guard/coverage-table.ts'
import type { TlsShare } from '../guard/tls-share.ts'
import { printable } from './printable.ts'
import { section } from './table.ts'

export interface NamespaceStatus extends NamespaceRow {
  /** undefined: nobody counted, or none of its addresses. */
  readonly flows?: TlsShare
}
export interface CoverageStatus extends Pick<CoverageTable, 'nodes' | 'blindSpots'> {
  readonly sensors: {
    readonly daemonSet: string
    readonly exists: boolean
    readonly desired: number
    readonly ready: number
    readonly updated: number
    readonly unavailable: number
    /** '' for Pods that reported none. */
    readonly versions: readonly { readonly version: string; readonly nodes: number }[]
  }
  readonly namespaces: readonly NamespaceStatus[]
  /** Over how many minutes flows were counted; 0: nobody counted. */
  readonly flowMinutes: number
}

const UNKNOWN = '–'
const MOST_LINES = 40

export function inLines(status: CoverageStatus, now: number, all: boolean): string {
  return [
    sensorLines(status).trimStart(),
    nodeLines(status.nodes, all),
    namespaceLines(status, now, all),
    blindSpotLines(status),
    verdict(status.namespaces),
  ].join('')
}

function sensorLines({ sensors }: CoverageStatus): string {
  if (!sensors.exists) return `Sensors\n  the DaemonSet ${sensors.daemonSet} does not exist: no node is watched\n`
  const versions = sensors.versions.map(({ version, nodes }) => `${version || 'unknown'} (${nodes})`).join(', ')
  const counts = [sensors.desired, sensors.ready, sensors.updated].map(String)
  return section(
    'Sensors',
    ['DAEMONSET', 'DESIRED', 'READY', 'UPDATED', 'VERSIONS'],
    [[sensors.daemonSet, ...counts, versions || UNKNOWN]],
  )
}

const ORDER: readonly NodeState[] = ['blind', 'grace', 'gated', 'covered', 'not meant']

function nodeLines(nodes: readonly NodeRow[], all: boolean): string {
  const title = `Nodes: ${nodes.length}${list(ORDER.map((state) => [nodes.filter((one) => one.state === state).length, state]))}`
  if (nodes.length === 0) return `\n${title}\n`
  const alike = all ? (one: NodeRow) => one.node : kind
  const groups = [...Map.groupBy(nodes, alike).values()].toSorted(
    ([a], [b]) => ORDER.indexOf(a!.state) - ORDER.indexOf(b!.state),
  )
  const rows = bounded(groups.map(nodeCells), all)
  return section(title, ['NODE', 'STATE', 'IDS POD', 'RULES', 'SET', 'CONFIRMED', 'DROPS', 'WHY'], rows)
}

/** What makes nodes alike: state and why, the set of rules, whether they take Pods. */
const kind = ({ state, reason, check, report, cordoned, ready }: NodeRow): string =>
  JSON.stringify([state, reason, check, report?.set, report === undefined, cordoned, ready])

function nodeCells(alike: readonly NodeRow[]): string[] {
  const first = alike[0]!
  const reports = alike.flatMap(({ report }) => report ?? [])
  const known = (text: () => string): string => (reports.length === 0 ? UNKNOWN : text())
  const rules = reports.map((one) => one.rules)
  const share = Math.max(
    ...reports.map(({ packets, drops }) => (packets + drops === 0 ? 0 : drops / (packets + drops))),
  )
  const notes = [...(first.cordoned ? ['cordoned'] : []), ...(first.ready ? [] : ['the node is NotReady'])]
  const why = first.check === '' ? first.detail : `${first.check}: ${first.detail}`
  return [
    alike.length === 1 ? first.node : `${first.node} and ${alike.length - 1} more`,
    first.state,
    first.pod === '' ? UNKNOWN : first.pod,
    known(() => range(Math.min(...rules), Math.max(...rules))),
    known(() => first.report?.set ?? UNKNOWN),
    known(() => `${Math.max(...reports.map(({ ageHours }) => Math.round(ageHours)))} h ago`),
    known(() => percent(share)),
    [...notes, ...(why === '' ? [] : [why])].join('; '),
  ]
}

const range = (least: number, most: number): string => (least === most ? String(least) : `${least}–${most}`)
const percent = (share: number): string =>
  share > 0 && share < 0.001 ? '<0.1 %' : `${(share * 100).toFixed(1).replace(/\.0$/, '')} %`

function namespaceLines({ namespaces, flowMinutes }: CoverageStatus, now: number, all: boolean): string {
  const of = (protection: string) => namespaces.filter((one) => one.protection === protection).length
  const title = `Namespaces: ${of('true')} protected, ${of('audit')} in audit`
  if (namespaces.length === 0) return `\n${title}\n`
  const rows = namespaces
    .toSorted((a, b) => Number(a.isCovered) - Number(b.isCovered))
    .map((one) => [
      one.namespace,
      one.protection,
      one.isCovered ? 'covered' : one.blind === 0 && one.gated > 0 ? 'gated' : 'not covered',
      ...[one.reach, one.covered, one.gated, one.grace, one.blind].map(String),
      one.flows === undefined || one.flows.flows === 0
        ? UNKNOWN
        : `${percent(one.flows.tls / one.flows.flows)} of ${one.flows.flows}`,
      [
        ...(one.override === undefined ? [] : [overrideText(one.override, now)]),
        ...(one.why === '' ? [] : [one.why]),
      ].join('; '),
    ])
  const tls = flowMinutes > 0 ? `TLS FLOWS (${flowMinutes} min)` : 'TLS FLOWS'
  const head = ['NAMESPACE', 'PROTECTED', 'STATE', 'REACH', 'COVERED', 'GATED', 'GRACE', 'BLIND', tls, 'WHY']
  return section(title, head, bounded(rows, all))
}

const overrideText = ({ key, until, why }: NonNullable<NamespaceRow['override']>, now: number): string =>
  `${key.replace('sekisho.dev/', '')} for ${Math.ceil((until - now) / 60_000)} min, until ${new Date(until).toISOString().slice(0, 16)}Z (${why.slice(0, 80)})`

function blindSpotLines({ blindSpots, nodes }: CoverageStatus): string {
  const silent = nodes.filter(({ pod, report }) => pod !== '' && report === undefined).length
  const lines = [
    ...blindSpots.slice(0, MOST_LINES).map((one) => `${printable(one.sentence)} (${count(one.nodes, 'node')})`),
    ...(silent > 0
      ? [`${count(silent, 'IDS Pod')} reported nothing that can be read: look at the log of the container agent`]
      : []),
  ]
  return lines.length === 0 ? '' : `\nCannot be seen\n${lines.map((line) => `  ${line}\n`).join('')}`
}

function verdict(namespaces: readonly NamespaceStatus[]): string {
  const open = namespaces.filter(({ protection, isCovered }) => protection === 'true' && !isCovered)
  if (open.length === 0) return '\nEvery protected namespace is covered.\n'
  const told = open.slice(0, 5).map(({ namespace, mend }) => `  ${namespace}: to mend: ${printable(mend)}\n`)
  const more = open.length > told.length ? `  and ${open.length - told.length} more\n` : ''
  return `\nNot covered though protected: ${count(open.length, 'namespace')}\n${told.join('')}${more}`
}

const count = (many: number, what: string): string => `${many} ${what}${many === 1 ? '' : 's'}`
const list = (counts: readonly (readonly [number, string])[]): string => {
  const there = counts.filter(([many]) => many > 0).map(([many, what]) => `${many} ${what}`)
  return there.length === 0 ? '' : ` (${there.join(', ')})`
}
const bounded = (rows: readonly (readonly string[])[], all: boolean): (readonly string[])[] =>
  all || rows.length <= MOST_LINES
    ? [...rows]
    : [...rows.slice(0, MOST_LINES), [`and ${rows.length - MOST_LINES} more: --all lists each`]]
