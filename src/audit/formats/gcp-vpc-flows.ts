/**
 * VPC flow logs of Google Cloud, towards Memorystore or a database.
 *
 *     "jsonPayload":{"connection":{"src_ip":"10.0.0.5","src_port":41000,"dest_ip":"10.9.0.3","dest_port":6379,"protocol":6},"reporter":"SRC",
 *       "bytes_sent":"1200","packets_sent":"7","start_time":…,"src_instance":{"vm_name":…},"src_gke_details":…}
 *
 * Memorystore lives in Google's own network, so only the client's side reports; flows are sampled: that there is none proves nothing.
 */
import type { FormatOptions, Principal, Read } from '../../api/audit.ts'
import { flowOperation, towardsStore } from './flow.ts'
import { at, count, text } from './json.ts'
import type { Entry, EntryKind } from './log-entry.ts'
import { poison, record, skipped } from './record.ts'

export const gcpVpcFlows: EntryKind = {
  name: 'gcp-vpc-flows',
  description: 'VPC flow logs of Google Cloud: who talks to a cache or a database',
  logs: /(compute|networkmanagement)\.googleapis\.com(%2F|\/)vpc_flows$/i,
  open: (options) => ({ entry: (entry) => read(entry, options), end: () => [] }),
}

const read = (entry: Entry, options: FormatOptions): readonly Read[] => {
  const payload = entry.body['jsonPayload']
  const connection = at(payload, 'connection')
  const source = text(at(connection, 'src_ip'))
  const target = text(at(connection, 'dest_ip'))
  if (source === '' || target === '') return poison(entry.line, 'it names no addresses', entry.raw)
  const ends = {
    source,
    target,
    sourcePort: count(at(connection, 'src_port')) ?? 0,
    targetPort: count(at(connection, 'dest_port')) ?? 0,
  }
  const towards = towardsStore(ends, options.stores)
  if (towards === undefined) return skipped(entry.line, 'a flow towards no store that is known')
  const { store, from, to, port, answer } = towards
  const started = Date.parse(text(at(payload, 'start_time')))
  return record(
    {
      format: gcpVpcFlows.name,
      id: entry.id,
      time: Number.isNaN(started) ? entry.time : started,
      store,
      principal: peerOf(payload, answer ? 'dest' : 'src', from),
      address: from,
      action: 'flow',
      operation: flowOperation(text(at(connection, 'protocol')), answer),
      outcome: 'allowed',
      bytes: count(at(payload, 'bytes_sent')),
      flow: { from, to, port, packets: count(at(payload, 'packets_sent')) ?? 0 },
    },
    entry.line,
    entry.raw,
  )
}

/** What lasts: a workload rather than its Pods, a group rather than its machines, a machine rather than its address. */
const peerOf = (payload: unknown, side: 'src' | 'dest', address: string): Principal => {
  const pod = at(payload, `${side}_gke_details`, 'pod')
  const namespace = text(at(pod, 'pod_namespace'))
  const workload = text(at(pod, 'pod_workload', 'workload_name'))
  const instance = at(payload, `${side}_instance`)
  const machine = text(at(instance, 'vm_name'))
  const group = text(at(instance, 'managed_instance_group', 'name'))
  const id = namespace !== '' && workload !== '' ? `${namespace}/${workload}` : group || machine || address
  const credential = text(at(pod, 'pod_name')) || machine
  return { kind: 'peer', id, ...(credential !== '' && credential !== id && { credential }) }
}
