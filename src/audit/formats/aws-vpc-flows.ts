/**
 * VPC flow logs of AWS as text, any version: the header line names the columns.
 *
 *     version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
 *     2 123456789012 eni-0a1b 10.0.0.5 10.9.0.3 41000 6379 6 7 1200 1418530010 1418530070 ACCEPT OK
 *
 * Without a header the columns are those of version 2. Parquet has the same columns with underscores: whoever unpacks it hands in a
 * header of its column names and a line for each row, `-` for what is null.
 */
import type { Format, FormatOptions, Principal, Read } from '../../api/audit.ts'
import { flowOperation, towardsStore } from './flow.ts'
import { count } from './json.ts'
import { poison, record, skipped } from './record.ts'

const VERSION_2 =
  'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status'.split(
    ' ',
  )
const NAME = /^[a-z][a-z0-9-]*$/

export const awsVpcFlows: Format = {
  name: 'aws-vpc-flows',
  description: 'VPC flow logs of AWS, text of any version: who talks to a cache or a database',
  detect: (head) => {
    const first = (/^\ufeff?([^\r\n]{1,4000})/.exec(head)?.[1] ?? '').split(' ')
    if (isHeader(first.map(dashed))) return 0.96
    return first.length === VERSION_2.length && first[0] === '2' && /^(OK|NODATA|SKIPDATA)$/.test(first[13]!) ? 0.9 : 0
  },
  open: (_, options) => {
    let columns = new Map(VERSION_2.map((name, index) => [name, index]))
    return {
      line: (text, number) => {
        const fields = text.trim().split(/ +/)
        // A row starts with a number, a word of capitals or `-`, unless its first column is a name: then the look is worth its time.
        const names = /^[a-z]/.test(text) ? fields.map(dashed) : []
        if (isHeader(names)) {
          columns = new Map(names.map((name, index) => [name, index]))
          return skipped(number, 'the header')
        }
        if (fields.length < columns.size) return poison(number, 'it has too few columns, or broke off', text)
        return read((name) => dashless(fields[columns.get(name) ?? -1]), text, number, options)
      },
      end: () => [],
    }
  },
}

const dashed = (name: string): string => name.replaceAll('_', '-')
const dashless = (field: string | undefined): string => (field === undefined || field === '-' ? '' : field)
const isHeader = (names: readonly string[]): boolean =>
  names.length > 3 &&
  names.every((name) => NAME.test(name)) &&
  (names.includes('srcaddr') || names.includes('pkt-srcaddr')) &&
  (names.includes('dstaddr') || names.includes('pkt-dstaddr'))

const read = (column: (name: string) => string, raw: string, line: number, options: FormatOptions): readonly Read[] => {
  const status = column('log-status')
  if (status === 'NODATA' || status === 'SKIPDATA') return skipped(line, 'an interval without data')
  // Through a NAT or a balancer, the addresses in the packets are those that were meant.
  const source = column('pkt-srcaddr') || column('srcaddr')
  const target = column('pkt-dstaddr') || column('dstaddr')
  if (source === '' || target === '') return poison(line, 'it names no addresses', raw)
  const ends = { source, target, sourcePort: Number(column('srcport')), targetPort: Number(column('dstport')) }
  const towards = towardsStore(ends, options.stores)
  if (towards === undefined) return skipped(line, 'a flow towards no store that is known')
  const { store, from, to, port, answer } = towards
  const start = column('start')
  return record(
    {
      format: awsVpcFlows.name,
      id: options.hash(raw),
      time: /^\d{9,11}$/.test(start) ? Number(start) * 1000 : Number.NaN,
      store,
      principal: peerOf(column, from, answer),
      address: from,
      action: 'flow',
      operation: flowOperation(column('protocol') || '6', answer),
      outcome: column('action') === 'REJECT' ? 'denied' : 'allowed',
      bytes: count(column('bytes')),
      flow: { from, to, port, packets: count(column('packets')) ?? 0 },
    },
    line,
    raw,
  )
}

/** Columns of ECS are of the task whose interface this is: the client's where it sends to the store, or hears from it. */
const peerOf = (column: (name: string) => string, address: string, answer: boolean): Principal => {
  const service = column('ecs-service-name')
  const own = column('flow-direction') === (answer ? 'ingress' : 'egress')
  return own && service !== '' ? { kind: 'peer', id: service, credential: address } : { kind: 'peer', id: address }
}
