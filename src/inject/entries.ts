/**
 * The ports a Pod declares, as its author wrote them.
 *
 * Injection renames the app's entry (`http` → `app-8080`) and gives the name to the WAF's port. Read again (reinvocation, or a Pod that
 * was exported and applied once more), the old name is found at the WAF: `claims`. A forger gains nothing by writing such a claim: it
 * says only what he could have said by naming the port.
 */
import type { Container, Pod } from '../api/kube.ts'
import { CONTAINER, RESERVED_PREFIX } from '../api/names.ts'

export type ListKey = 'containers' | 'initContainers'

export interface Entry {
  readonly list: ListKey
  /** Index of the container in its list, and of the port in the container. */
  readonly container: number
  readonly index: number
  readonly containerName: string
  readonly port: number
  readonly protocol: string
  readonly hostPort: number
  /** As it stands in the object. */
  readonly present: string | undefined
  /** As its author named it; undefined where he did not. */
  readonly name: string | undefined
  /** Whether Services can reach it: containers and native sidecars, not the init containers that end. */
  readonly lasting: boolean
}

const NAME = /^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/
const PORTS_VARIABLE = 'SEKISHO_PORTS'

/** The name of an app's own entry once the WAF took over its name. */
export const movedName = (port: number): string => `app-${port}`

export const isReserved = (name: unknown): boolean => typeof name === 'string' && name.startsWith(RESERVED_PREFIX)

/** App port → name, as a WAF in the Pod (ours, or a forged one) says it took over. */
function claimsOf(pod: Pod): Map<number, string> {
  const claims = new Map<number, string>()
  const waf = pod.spec?.initContainers?.find(({ name }) => name === CONTAINER.waf)
  const env = (waf?.['env'] ?? []) as { name?: string; value?: unknown }[]
  const value = env.find(({ name }) => name === PORTS_VARIABLE)?.value
  if (typeof value !== 'string') return claims
  const names = new Map((waf?.ports ?? []).map(({ containerPort, name }) => [containerPort, name]))
  for (const item of value.split(',', 64)) {
    const [listener, port] = item.split(':')
    const name = names.get(Number(listener))
    if (name !== undefined && NAME.test(name) && !isReserved(name)) claims.set(Number(port), name)
  }
  return claims
}

/** Every declared port outside of our own containers; containers first, as Kubernetes looks a name up. */
export function entriesOf(pod: Pod): readonly Entry[] {
  const claims = claimsOf(pod)
  const entries: Entry[] = []
  const collect = (list: ListKey, containers: readonly Container[]) => {
    for (const [container, { name: containerName, ports, restartPolicy }] of containers.entries()) {
      if (isReserved(containerName)) continue
      const lasting = list === 'containers' || restartPolicy === 'Always'
      for (const [index, { name: present, containerPort: port, protocol, hostPort }] of (ports ?? []).entries()) {
        const tcp = (protocol || 'TCP') === 'TCP'
        const moved = tcp && lasting && present === movedName(port)
        const name = moved ? claims.get(port) : present || undefined
        entries.push({
          list,
          container,
          index,
          containerName: containerName ?? '',
          port,
          protocol: protocol || 'TCP',
          hostPort: typeof hostPort === 'number' ? hostPort : 0,
          present: present || undefined,
          name,
          lasting,
        })
      }
    }
  }
  collect('containers', pod.spec?.containers ?? [])
  collect('initContainers', pod.spec?.initContainers ?? [])
  return entries
}

export const isTcp = (entry: Entry): boolean => entry.protocol === 'TCP'
