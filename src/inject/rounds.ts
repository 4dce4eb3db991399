/**
 * Ways round the WAF in `port` mode: whoever sends to the app's own port, not to the name the WAF took over.
 * Said from both sides, since either may come first: when the Pod is made, and when the Service or NetworkPolicy is.
 */
import type { NetworkPolicyView, ServiceView } from '../api/views.ts'
import type { Capture } from './captures.ts'
import { movedName } from './entries.ts'
import { type Note, note } from './note.ts'
import { matches, selectsPod } from './selector.ts'
import type { StatusPort } from './status.ts'

type Labels = Readonly<Record<string, string>>
/** What both a capture and a status say of a port. */
type Taken = Pick<StatusPort, 'port' | 'listener' | 'name'>

/** Ports of one Service that lead to the app itself, if it selects Pods with these labels. */
export function serviceRounds(service: ServiceView, labels: Labels, taken: readonly Taken[]): Note[] {
  if (!selectsPod(service.selector, labels)) return []
  return service.ports.flatMap(({ targetPort, protocol, port: at }, index) => {
    const round = taken.find(({ port }) => targetPort === port || targetPort === movedName(port))
    if (round === undefined || protocol !== 'TCP') return []
    const { namespace, name: service_ } = service
    return [
      note('ServiceByNumber', {
        service: service_,
        namespace,
        port: round.port,
        target: targetPort,
        name: round.name,
        index,
        at,
      }),
    ]
  })
}

/**
 * Ports of one NetworkPolicy that name the app's port. A range that holds the WAF's listener as well says no more than no policy at all;
 * a single number, or a range without the listener, is meant for the app and cuts the WAF off.
 */
export function policyRounds(policy: NetworkPolicyView, labels: Labels, taken: readonly Taken[]): Note[] {
  if (!matches(policy.podSelector, labels)) return []
  const rounds = taken.filter(({ port, listener }) =>
    policy.ingressPorts.some(({ port: from, endPort, protocol }) => {
      if (protocol !== 'TCP') return false
      if (typeof from === 'string') return from === movedName(port)
      const holds = (number: number) => number >= from && number <= (endPort ?? from)
      return holds(port) && !holds(listener)
    }),
  )
  return rounds.map(({ port, listener }) =>
    note('PolicyByNumber', { policy: policy.name, namespace: policy.namespace, port, listener }),
  )
}

const hostPortRounds = (captures: readonly Capture[]): Note[] =>
  captures.flatMap(({ entries }) =>
    entries
      .filter(({ hostPort }) => hostPort > 0)
      .map(({ containerName, port, hostPort }) => note('HostPort', { container: containerName, port, hostPort })),
  )

/** What the namespace's Services and NetworkPolicies do to a Pod with these labels. */
export const networkRounds = (
  labels: Labels,
  services: readonly ServiceView[],
  policies: readonly NetworkPolicyView[],
  taken: readonly Taken[],
): Note[] => [
  ...services.flatMap((service) => serviceRounds(service, labels, taken)),
  ...policies.flatMap((policy) => policyRounds(policy, labels, taken)),
]

/** Every way round for a Pod that is about to be made. */
export const podRounds = (
  captures: readonly Capture[],
  labels: Labels,
  services: readonly ServiceView[],
  policies: readonly NetworkPolicyView[],
): Note[] => [...hostPortRounds(captures), ...networkRounds(labels, services, policies, captures)]
