/**
 * What the gate would say today about what is there already: each namespace as if it were labelled `sekisho.dev/protected: "true"` now, and
 * each Pod of it as if it were made, and bound to its node, now. For a look before `audit` becomes `true`; nothing is refused by it.
 */
import type { Pod } from '../api/kube.ts'
import { LABEL } from '../api/names.ts'
import type { Verdict } from '../api/verdict.ts'
import type { NamespaceView } from '../api/views.ts'
import type { GuardSettings } from '../config/webhook.ts'
import { type Coverage, type CoverageInput, coverage } from './coverage.ts'
import { judgeNamespace } from './namespace.ts'
import { namespaceSelectors } from './node-selector.ts'
import { overridesOf } from './overrides.ts'
import { type PlacementFault, placementFaults } from './placement.ts'
import { judgePodHostAccess } from './pod-host-access.ts'

export interface TodayFacts extends Omit<CoverageInput, 'namespace' | 'settings'> {
  readonly settings: GuardSettings
}

export interface Today {
  /** @param hostNetworkPods names of those that run there */
  namespace(of: NamespaceView, hostNetworkPods: readonly string[]): Verdict
  /** Reasons, each once; none: it would be let in. */
  pod(pod: Pod, namespace: NamespaceView): readonly string[]
}

/** Judges any number of them by one look at the cluster; what namespaces or Pods have in common is judged once. */
export function today(facts: TodayFacts): Today {
  const { settings, now } = facts
  const nodes = new Map(facts.nodes.map((node) => [node.name, node]))
  const coverages = new Map<string, Coverage>()
  const placements = new Map<string, readonly PlacementFault[]>()
  const held = ({ annotations }: NamespaceView) => JSON.stringify(namespaceSelectors(annotations, settings))
  return {
    namespace: (of, hostNetworkPods) => {
      const { [LABEL.protected]: _, ...others } = of.labels
      const { name, annotations } = of
      const as = (labels: Readonly<Record<string, string>>) => ({
        metadata: { name, labels: { ...labels }, annotations: { ...annotations } },
      })
      return judgeNamespace(
        {
          operation: 'UPDATE',
          object: as({ ...others, [LABEL.protected]: 'true' }),
          oldObject: as(others),
          user: { username: 'sekisho check' },
          settings,
          now,
        },
        // Whoever set an override had the right to.
        {
          coverage: once(coverages, held(of), () => coverage({ ...facts, namespace: of })),
          hostNetworkPods,
          mayOpen: true,
        },
      )
    },
    pod: (pod, namespace) => {
      const nodeName = pod.spec?.nodeName
      const placement = nodeName
        ? once(placements, `${held(namespace)} ${nodeName}`, () =>
            placementFaults({ nodeName, node: nodes.get(nodeName), namespace, facts, settings, now }),
          )
        : []
      // In audit a verdict tells everything that stands against a Pod.
      const as = { ...namespace, labels: { ...namespace.labels, [LABEL.protected]: 'audit' } }
      const overrides = overridesOf(namespace, settings, now)
      const verdict = judgePodHostAccess({ pod, namespace: as, overrides, placement })
      return verdict.verdict === 'allow' ? (verdict.wouldRefuse ?? []) : [verdict.reason]
    },
  }
}

/** The answer to a key, made once. */
function once<T>(known: Map<string, T>, key: string, make: () => T): T {
  const before = known.get(key)
  if (before !== undefined) return before
  const made = make()
  known.set(key, made)
  return made
}
