/** `sekisho.dev/waf-ports: 8080,9090/grpc,8443/tls`: which container ports are HTTP, when their names do not say it. */

export type Protocol = 'http' | 'grpc'
export interface ListedPort {
  readonly port: number
  /** `tls`: the port is known to carry TLS up to the app, and is not inspected. */
  readonly kind: Protocol | 'tls'
}

const ENTRY = /^([1-9][0-9]{0,4})(?:\/(http|grpc|tls))?$/
/** More entries than any Pod has ports; keeps a hostile annotation cheap. */
const MOST = 64

/** Parses the annotation; what is not clear is a fault, never a guess. */
export function parsePortAnnotation(text: string): readonly ListedPort[] | { readonly fault: string } {
  const listed: ListedPort[] = []
  const parts = text.split(',', MOST + 1)
  if (parts.length > MOST) return { fault: `it has more than ${MOST} entries` }
  for (const part of parts) {
    const entry = part.trim()
    const [, digits, kind] = ENTRY.exec(entry) ?? []
    const port = Number(digits)
    if (digits === undefined || port > 65535)
      return { fault: entry === '' ? 'an entry of it is empty' : `${entry} is no port` }
    if (listed.some((it) => it.port === port)) return { fault: `${port} stands there twice` }
    listed.push({ port, kind: (kind ?? 'http') as ListedPort['kind'] })
  }
  return listed
}
