/**
 * Our taint on a node, and the patch that brings it about.
 *
 *   on      sekisho.dev/ids-not-ready:NoSchedule         the IDS is not Ready: new Pods are kept off
 *   kept    sekisho.dev/ids-not-ready=lost:NoSchedule    for longer than the time of `loss`, and the policy is `keep`
 *   waived  sekisho.dev/ids-not-ready=lost:PreferNoSchedule   the same, and the policy is `remove`: nobody is kept off any more; what stays
 *           refuses no Pod and remembers in the cluster since when the node is blind, so that a new leader does not begin anew
 *   none    no taint with our key
 *
 * A patch names the whole list it takes the place of: where another writer changed it meanwhile, the API server refuses the patch, so no
 * other's taint is ever lost and none comes back.
 */
import type { PatchOperation } from '../../api/kube.ts'
import { TAINT_IDS_NOT_READY } from '../../api/names.ts'
import type { KeptTaint } from './views.ts'

export type TaintForm = 'none' | 'on' | 'kept' | 'waived'

const LOST = 'lost'
const FORMS = {
  on: { effect: 'NoSchedule' },
  kept: { value: LOST, effect: 'NoSchedule' },
  waived: { value: LOST, effect: 'PreferNoSchedule' },
} as const

const isOurs = ({ key }: KeptTaint) => key === TAINT_IDS_NOT_READY

/** How our taint stands on a node; `other`: in a form that is none of ours, or more than once. */
export function taintForm(taints: readonly KeptTaint[]): TaintForm | 'other' {
  const ours = taints.filter(isOurs)
  const [one] = ours
  if (one === undefined) return 'none'
  if (ours.length > 1) return 'other'
  for (const [form, { effect, ...more }] of Object.entries(FORMS))
    if (one.effect === effect && (one.value ?? '') === ('value' in more ? more.value : '')) return form as TaintForm
  return 'other'
}

/** Since when our taint is on the node, ms since the epoch; undefined where nothing says it. */
export function taintedSince(taints: readonly KeptTaint[]): number | undefined {
  const times = taints.filter(isOurs).map(({ timeAdded }) => Date.parse(timeAdded ?? ''))
  const known = times.filter((time) => !Number.isNaN(time))
  return known.length === 0 ? undefined : Math.min(...known)
}

/** Whether new Pods are kept off by our taint. */
export const keepsOff = (taints: readonly KeptTaint[]): boolean =>
  taints.some((taint) => isOurs(taint) && taint.effect !== 'PreferNoSchedule')

/**
 * The patch (RFC 6902) from the list as it was seen to the form wanted; undefined where it stands so already.
 * @param since stamped on the taint, unless it bears a time already
 */
export function taintPatch(
  taints: readonly KeptTaint[],
  form: TaintForm,
  since: number,
): readonly PatchOperation[] | undefined {
  if (taintForm(taints) === form) return undefined
  const others = taints.filter((taint) => !isOurs(taint))
  const timeAdded = new Date(taintedSince(taints) ?? since).toISOString().replace(/\.\d+Z$/, 'Z')
  const wanted = form === 'none' ? others : [...others, { key: TAINT_IDS_NOT_READY, ...FORMS[form], timeAdded }]
  return [
    // A list that is not there equals null.
    { op: 'test', path: '/spec/taints', value: taints.length === 0 ? null : taints },
    wanted.length === 0 ? { op: 'remove', path: '/spec/taints' } : { op: 'add', path: '/spec/taints', value: wanted },
  ]
}
