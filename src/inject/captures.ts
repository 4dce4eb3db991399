/**
 * Which ports the WAF takes, and under which names Services find them.
 *
 *   app port 8080 named http   →   WAF listener 15080 named http, app port 8080 renamed app-8080
 *
 * The endpoint controller looks a name up in the containers first and in the native sidecars afterwards, so no entry of the app may keep
 * a name that the WAF took over.
 */
import { WAF_FIRST_PORT, WAF_HEALTH_PORT, WAF_MAX_PORTS } from '../api/names.ts'
import { type Entry, isTcp, movedName } from './entries.ts'
import { type Note, note } from './note.ts'
import type { ListedPort, Protocol } from './port-annotation.ts'

export interface Capture {
  readonly port: number
  readonly listener: number
  readonly name: string
  readonly protocol: Protocol
  /** The app's entries of this port. */
  readonly entries: readonly Entry[]
}

export interface Captures {
  readonly captures: readonly Capture[]
  /** TCP ports that carry web traffic and are not inspected. */
  readonly uninspected: readonly number[]
  readonly notes: readonly Note[]
}

interface Wanted {
  readonly port: number
  readonly protocol: Protocol
}
type Choice = { readonly wanted: readonly Wanted[]; readonly notes: readonly Note[] } | { readonly problem: Note }

const HTTP_NAME = /^(http|http2|web|grpc|h2c)(-|$)/
const TLS_NAME = /^(https|grpcs)(-|$)/
const protocolOf = (name: string | undefined): Protocol => (/^grpc(-|$)/.test(name ?? '') ? 'grpc' : 'http')
const unique = <T>(items: readonly T[]): T[] => [...new Set(items)]

function byName(tcp: readonly Entry[], itself: boolean): Choice {
  const named = tcp.filter(({ name }) => HTTP_NAME.test(name ?? ''))
  if (named.length > 0) {
    const ports = unique(named.map(({ port }) => port))
    const protocol = (port: number) => protocolOf(named.find((entry) => entry.port === port)?.name)
    return { wanted: ports.map((port) => ({ port, protocol: protocol(port) })), notes: [] }
  }
  const unnamed = unique(tcp.filter(({ name }) => name === undefined).map(({ port }) => port))
  if (itself && unnamed.length > 1)
    return { problem: note('AmbiguousPorts', { ports: unnamed.join(' and '), first: unnamed[0]! }) }
  if (itself && unnamed.length === 1) return { wanted: [{ port: unnamed[0]!, protocol: 'http' }], notes: [] }
  const tls = unique(tcp.filter(({ name }) => TLS_NAME.test(name ?? '')).map(({ port }) => port))
  return { problem: tls.length > 0 ? note('TlsPort', { ports: tls.join(', ') }) : note('NoHttpPort') }
}

function byAnnotation(tcp: readonly Entry[], listed: readonly ListedPort[]): Choice {
  const missing = listed.find(({ port }) => !tcp.some((entry) => entry.port === port))
  if (missing !== undefined) return { problem: note('PortNotDeclared', { port: missing.port }) }
  const wanted = listed.flatMap(({ port, kind }) => (kind === 'tls' ? [] : [{ port, protocol: kind }]))
  if (wanted.length === 0) return { problem: note('TlsPort', { ports: listed.map(({ port }) => port).join(', ') }) }
  const numbers = new Set(listed.map(({ port }) => port))
  const left = tcp.filter(({ name, port }) => HTTP_NAME.test(name ?? '') && !numbers.has(port))
  const written = listed.map(({ port, kind }) => (kind === 'http' ? `${port}` : `${port}/${kind}`))
  return {
    wanted,
    notes: left.map(({ port, name }) =>
      note('PortNotListed', { port, name: name!, suggestion: [...written, port].join(',') }),
    ),
  }
}

/** Gives each port a name that nobody else has; what has more than one name, or one that stays behind, is a problem. */
function withNames(wanted: readonly Wanted[], lasting: readonly Entry[]): readonly Capture[] | Note {
  const tcp = lasting.filter(isTcp)
  const numbers = new Set(wanted.map(({ port }) => port))
  const taken = new Map<string, number>()
  const captures: Capture[] = []
  for (const [i, { port, protocol }] of wanted.entries()) {
    const entries = tcp.filter((entry) => entry.port === port)
    const written = unique(entries.map(({ name, present }) => name ?? present)).filter((name) => name !== undefined)
    if (written.length > 1) return note('SharedPort', { port, names: written.join(', ') })
    const own = entries.find(({ name }) => name !== undefined)?.name
    const free = (name: string) => !taken.has(name) && !tcp.some((entry) => entry.name === name && entry.port !== port)
    // Of two ports with one name Services reach the first: it keeps the name, the other gets one of its own.
    const first = own !== undefined && !taken.has(own) ? own : undefined
    const name = first ?? [protocol, `${protocol}-${port}`].find(free)
    if (name === undefined)
      return note('PortNameTaken', {
        name: `${protocol}-${port}`,
        port,
        other: taken.get(`${protocol}-${port}`) ?? 'another',
      })
    taken.set(name, port)
    captures.push({ port, listener: WAF_FIRST_PORT + i, name, protocol, entries })
  }
  const stays = tcp.find((entry) => !numbers.has(entry.port) && entry.name !== undefined && taken.has(entry.name))
  if (stays !== undefined)
    return note('PortNameTaken', { name: stays.name!, port: taken.get(stays.name!)!, other: stays.port })
  for (const { port } of captures) {
    const other = lasting.find(
      (entry) => entry.name === movedName(port) || (entry.present === movedName(port) && entry.port !== port),
    )
    if (other !== undefined) return note('PortNameTaken', { name: movedName(port), port, other: other.port })
  }
  return captures
}

function clash(captures: readonly Capture[], entries: readonly Entry[]): Note | undefined {
  const ours = [WAF_HEALTH_PORT, ...captures.map(({ listener }) => listener)]
  const entry = entries.find((it) => isTcp(it) && ours.includes(it.port))
  return entry && note('PortClash', { container: entry.containerName, port: entry.port, taken: ours.join(', ') })
}

/**
 * Chooses the ports. `listed` is the parsed annotation, which decides where it is present.
 * @param itself whether the Pod asks by its own label: only then is a single unnamed port taken for HTTP.
 */
export function chooseCaptures(
  entries: readonly Entry[],
  listed: readonly ListedPort[] | undefined,
  itself: boolean,
): Captures | { readonly problem: Note } {
  const lasting = entries.filter((entry) => entry.lasting)
  const tcp = lasting.filter(isTcp)
  const choice = listed === undefined ? byName(tcp, itself) : byAnnotation(tcp, listed)
  if ('problem' in choice) return choice
  const { wanted } = choice
  if (wanted.length > WAF_MAX_PORTS)
    return { problem: note('TooManyPorts', { count: wanted.length, max: WAF_MAX_PORTS }) }
  const captures = withNames(wanted, lasting)
  if ('code' in captures) return { problem: captures }
  const problem = clash(captures, entries)
  if (problem !== undefined) return { problem }

  const known = new Set([...captures.map(({ port }) => port), ...(listed ?? []).map(({ port }) => port)])
  const tls = tcp.filter(({ name, port }) => TLS_NAME.test(name ?? '') && !known.has(port))
  const asWritten = [
    ...(listed ?? wanted.map(({ port, protocol }) => ({ port, kind: protocol }))).map(({ port, kind }) =>
      kind === 'http' ? `${port}` : `${port}/${kind}`,
    ),
  ].join(',')
  const udp = lasting.filter((entry) => !isTcp(entry) && HTTP_NAME.test(entry.name ?? ''))
  const unnamed = captures.filter(({ entries: own }) => own.every(({ name }) => name === undefined))
  return {
    captures,
    uninspected: unique([
      ...(listed ?? []).filter(({ kind }) => kind === 'tls').map(({ port }) => port),
      ...tls.map(({ port }) => port),
      ...choice.notes.map(({ values }) => Number(values['port'])),
    ]),
    notes: [
      ...choice.notes,
      ...unnamed.map(({ port, name }) => note('PortNamed', { port, name })),
      ...tls.map(({ port }) => note('TlsOpen', { port, suggestion: `${asWritten},${port}/tls` })),
      ...udp.map(({ port, name, protocol }) => note('NotTcp', { port, name: name!, protocol })),
    ],
  }
}
