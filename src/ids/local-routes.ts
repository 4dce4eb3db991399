/**
 * Which addresses are on this node's side, by its routing tables: its own, and those that a route leads to without a router, by an interface
 * that is no uplink (the Pods' bridge, or one interface for each Pod). An uplink is where a default route leads: its neighbours are other nodes.
 */
export interface LocalRoutes {
  isLocal(address: string): boolean
}

interface Route {
  readonly bits: number
  /** 8 or 32 hexadecimal digits. */
  readonly prefix: string
  readonly local: boolean
}

/** Numbers of an address as 8 or 32 hexadecimal digits, which are compared from the left; '' where it is none. IPv6 as Suricata writes it, in full. */
export function digits(address: string): string {
  if (/^[0-9a-f]{4}(:[0-9a-f]{4}){7}$/.test(address)) return address.replaceAll(':', '')
  const parts = address.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return ''
  return parts.map((part) => Number(part).toString(16).padStart(2, '0')).join('')
}

const matches = (address: string, { prefix, bits }: Route): boolean => {
  const whole = bits >> 2
  if (address.length !== prefix.length || !address.startsWith(prefix.slice(0, whole))) return false
  const rest = bits & 3
  if (rest === 0) return true
  const mask = 0xf0 >> rest
  const at = (text: string) => Number.parseInt(text[whole]!, 16) & mask
  return at(address) === at(prefix)
}

const ones = (hex: string): number => Number.parseInt(hex, 16).toString(2).replaceAll('0', '').length
/** /proc/net/route has numbers as the machine has them in memory: the last byte first. */
const turned = (hex: string): string => hex.match(/../g)!.reverse().join('')

const ANY = /^0+$/
const WORD = /^[0-9A-F]{8}$/
const LONG = /^[0-9a-f]{32}$/
/** RTF_UP and RTF_REJECT. */
const [UP, REJECT] = [0x1, 0x200]

/**
 * @param four the text of /proc/net/route
 * @param six the text of /proc/net/ipv6_route
 * @param own addresses of the node's interfaces, of IPv4
 */
export function localRoutes(four: string, six: string, own: readonly string[]): LocalRoutes {
  const mine = new Set(own.map(digits))
  const rows = (text: string) => text.split('\n').map((line) => line.trim().split(/\s+/))
  const found: { bits: number; prefix: string; gateway: string; name: string }[] = []
  for (const [name = '', destination = '', gateway = '', flags = '', , , , mask = ''] of rows(four))
    if (WORD.test(destination) && WORD.test(gateway) && WORD.test(mask) && Number.parseInt(flags, 16) & UP)
      found.push({
        bits: ones(mask),
        prefix: turned(destination).toLowerCase(),
        gateway: turned(gateway).toLowerCase(),
        name,
      })
  for (const [prefix = '', length = '', , , gateway = '', , , , flags = '', name = ''] of rows(six)) {
    if (!LONG.test(prefix) || !LONG.test(gateway)) continue
    const set = Number.parseInt(flags, 16)
    if (set & UP && !(set & REJECT)) found.push({ bits: Number.parseInt(length, 16), prefix, gateway, name })
  }
  const uplinks = new Set(found.filter(({ bits }) => bits === 0).map(({ name }) => name))
  const routes: Route[] = found
    .filter(({ bits }) => bits > 0)
    // A router that is ourselves is a way of some network plugins to say that what is behind it is here.
    .map(({ bits, prefix, gateway, name }) => ({
      bits,
      prefix,
      local: !uplinks.has(name) && (ANY.test(gateway) || mine.has(gateway)),
    }))
    .sort((a, b) => b.bits - a.bits)
  return {
    isLocal: (address) => {
      const wanted = digits(address)
      if (wanted === '') return false
      if (mine.has(wanted)) return true
      return routes.find((route) => matches(wanted, route))?.local ?? false
    },
  }
}
