/**
 * Which nodes the Pods of which namespaces can land on. Namespaces held to the same nodes share one entry, so that a node that changes costs
 * as many comparisons as there are different selectors, and not as many as there are namespaces.
 */
import type { NamespaceView } from '../../api/views.ts'
import type { GuardSettings } from '../../config/webhook.ts'
import { type NodeSelector, namespaceSelectors, selects } from '../node-selector.ts'
import { type Sight, sameSight } from './sight.ts'
import type { KeptNode } from './views.ts'

export interface Area {
  readonly selectors: readonly NodeSelector[]
  readonly nodes: Set<string>
  /** Those of them that are not covered, with why. */
  readonly blind: Map<string, Extract<Sight, { kind: 'blind' }>>
  readonly grace: Set<string>
  /** With `sekisho.dev/protected: "true"`, and with `audit`. */
  readonly protected: Set<string>
  readonly audit: Set<string>
}

export interface Reach {
  /** A namespace as it is now; undefined: it is gone or asks for nothing. Returns nodes that became or ceased to be reached. */
  namespace(name: string, view: NamespaceView | undefined, protection: 'true' | 'audit' | undefined): readonly string[]
  /** A node as it is now; undefined: it is gone. Returns namespaces whose coverage changed by it. */
  node(name: string, view: KeptNode | undefined, sight: Sight | undefined): readonly string[]
  /** Whether Pods of a protected namespace (not one in audit) can land on it. */
  reached(node: string): boolean
  of(namespace: string): Area | undefined
}

/** @param all the nodes as they are, and what was last seen of each */
export function createReach(
  settings: Pick<GuardSettings, 'podNodeSelector'>,
  all: () => Iterable<readonly [KeptNode, Sight | undefined]>,
): Reach {
  const areas = new Map<string, Area>()
  const byNamespace = new Map<string, string>()

  const place = (area: Area, name: string, view: KeptNode | undefined, sight: Sight | undefined): boolean => {
    const inside = view !== undefined && area.selectors.every((selector) => selects(selector, view.labels))
    const before = { inside: area.nodes.has(name), blind: area.blind.get(name), grace: area.grace.has(name) }
    const blind = inside && sight?.kind === 'blind' ? sight : undefined
    const grace = inside && sight?.kind === 'grace'
    const same = blind === undefined ? before.blind === undefined : sameSight(before.blind, blind)
    if (inside === before.inside && grace === before.grace && same) return false
    inside ? area.nodes.add(name) : area.nodes.delete(name)
    blind ? area.blind.set(name, blind) : area.blind.delete(name)
    grace ? area.grace.add(name) : area.grace.delete(name)
    return true
  }

  const leave = (namespace: string): readonly string[] => {
    const key = byNamespace.get(namespace)
    const area = key === undefined ? undefined : areas.get(key)
    if (key === undefined || area === undefined) return []
    byNamespace.delete(namespace)
    const was = area.protected.size
    area.protected.delete(namespace)
    area.audit.delete(namespace)
    if (area.protected.size + area.audit.size === 0) areas.delete(key)
    return was > 0 && area.protected.size === 0 ? [...area.nodes] : []
  }

  const enter = (name: string, view: NamespaceView, protection: 'true' | 'audit'): readonly string[] => {
    const selectors = namespaceSelectors(view.annotations, settings)
    const key = JSON.stringify(selectors)
    let area = areas.get(key)
    if (area === undefined) {
      const empty = { nodes: new Set<string>(), grace: new Set<string>(), blind: new Map() }
      area = { selectors, ...empty, protected: new Set(), audit: new Set() }
      for (const [node, sight] of all()) place(area, node.name, node, sight)
      areas.set(key, area)
    }
    byNamespace.set(name, key)
    const first = protection === 'true' && area.protected.size === 0
    area[protection === 'true' ? 'protected' : 'audit'].add(name)
    return first ? [...area.nodes] : []
  }

  return {
    namespace: (name, view, protection) => {
      const left = leave(name)
      const entered = view === undefined || protection === undefined ? [] : enter(name, view, protection)
      return [...left, ...entered]
    },
    node: (name, view, sight) =>
      [...areas.values()].flatMap((area) => (place(area, name, view, sight) ? [...area.protected, ...area.audit] : [])),
    reached: (node) => [...areas.values()].some((area) => area.protected.size > 0 && area.nodes.has(node)),
    of: (namespace) => areas.get(byNamespace.get(namespace) ?? ''),
  }
}
