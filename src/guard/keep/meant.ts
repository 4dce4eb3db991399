/**
 * Whether the IDS DaemonSet is meant for a node: only such nodes are tainted. A DaemonSet's controller asks its nodeSelector and the required
 * node affinity; what no IDS can watch (Windows, virtual nodes) is never meant, nor is a node where the IDS could not start because of our
 * own taint: it would wait for the IDS, and the IDS for it.
 */
import { TAINT_IDS_NOT_READY } from '../../api/names.ts'
import type { NodeView } from '../../api/views.ts'
import { unsupported } from '../blindness.ts'
import { selects } from '../node-selector.ts'
import { untolerated } from '../tolerations.ts'
import type { KeptDaemonSet, NodeSelectorTerm } from './views.ts'

const OUR_TAINTS = ['', 'lost'].map((value) => ({ key: TAINT_IDS_NOT_READY, value, effect: 'NoSchedule' }))

/** Whether the IDS could start on a node with our taint. */
export const toleratesOurs = (daemonSet: KeptDaemonSet): boolean =>
  untolerated(OUR_TAINTS, daemonSet.tolerations) === undefined

/** True where a Pod of the DaemonSet should be on the node. */
export function meantFor(daemonSet: KeptDaemonSet, node: NodeView): boolean {
  if (unsupported(node) !== undefined || !selects(daemonSet.nodeSelector, node.labels)) return false
  const terms = daemonSet.affinity
  return terms === undefined || terms.some((term) => matches(term, node))
}

/** Terms are ORed, what stands in one is ANDed, and an empty one matches nothing. */
function matches({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: NodeView): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false
  const field = (key: string) => (key === 'metadata.name' ? node.name : undefined)
  const label = (key: string) => (Object.hasOwn(node.labels, key) ? node.labels[key] : undefined)
  return (
    matchExpressions.every((one) => holds(one, label(one.key))) &&
    matchFields.every((one) => holds(one, field(one.key)))
  )
}

function holds(
  { operator, values = [] }: { readonly operator: string; readonly values?: readonly string[] },
  is: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return is !== undefined && values.includes(is)
    case 'NotIn':
      return is === undefined || !values.includes(is)
    case 'Exists':
      return is !== undefined
    case 'DoesNotExist':
      return is === undefined
    case 'Gt':
      return whole(is) > whole(values[0])
    case 'Lt':
      return whole(is) < whole(values[0])
    default:
      return false
  }
}

/** NaN compares as false with everything, as what is no number does there. */
const whole = (text: string | undefined): number =>
  text !== undefined && /^-?\d+$/.test(text) ? Number(text) : Number.NaN
