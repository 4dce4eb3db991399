/** Raw Services and NetworkPolicies → the views decisions read. Used on what comes in a request, in a file and from a watch alike. */
import type { KubeObject } from '../api/kube.ts'
import type { LabelSelector, NetworkPolicyView, ServiceView } from '../api/views.ts'

type Fields = Readonly<Record<string, unknown>>
const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
const list = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.map(fields) : [])
const numberOr = <T>(value: unknown, other: T): number | T => (typeof value === 'number' ? value : other)
const portOf = (value: unknown): number | string | undefined =>
  typeof value === 'number' || typeof value === 'string' ? value : undefined

const texts = (value: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields(value)).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  )

/** A Service as far as it says which ports of which Pods it sends to. */
export function serviceView(service: KubeObject, namespace: string): ServiceView {
  const spec = fields(service['spec'])
  return {
    namespace,
    name: service.metadata?.name ?? service.metadata?.generateName ?? '',
    selector: spec['type'] === 'ExternalName' ? {} : texts(spec['selector']),
    ports: list(spec['ports']).map((port) => ({
      ...(typeof port['name'] === 'string' && { name: port['name'] }),
      port: numberOr(port['port'], 0),
      // The API server writes the port's own number where nothing, or 0, is said.
      targetPort: portOf(port['targetPort'] || undefined) ?? numberOr(port['port'], 0),
      protocol: typeof port['protocol'] === 'string' && port['protocol'] !== '' ? port['protocol'] : 'TCP',
    })),
  }
}

function labelSelector(value: unknown): LabelSelector {
  const { matchLabels, matchExpressions } = fields(value)
  return {
    matchLabels: texts(matchLabels),
    matchExpressions: list(matchExpressions).map(({ key, operator, values }) => ({
      key: String(key),
      operator: String(operator),
      values: Array.isArray(values) ? values.map(String) : [],
    })),
  }
}

/** A NetworkPolicy as far as it names ports of the Pods it selects. */
export function networkPolicyView(policy: KubeObject, namespace: string): NetworkPolicyView {
  const spec = fields(policy['spec'])
  return {
    namespace,
    name: policy.metadata?.name ?? policy.metadata?.generateName ?? '',
    podSelector: labelSelector(spec['podSelector']),
    ingressPorts: list(spec['ingress'])
      .flatMap((rule) => list(rule['ports']))
      .flatMap(({ port: raw, endPort, protocol }) => {
        const port = portOf(raw)
        if (port === undefined) return []
        return [
          {
            port,
            ...(typeof endPort === 'number' && { endPort }),
            protocol: typeof protocol === 'string' && protocol !== '' ? protocol : 'TCP',
          },
        ]
      }),
  }
}
