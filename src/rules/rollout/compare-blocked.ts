/**
 * Whether Pods with the new release block another share of the requests than those with the one before, workload by workload: a test of two
 * proportions, made careful in four ways.
 *
 *     counts    fewer than FEWEST_REQUESTS a side, or FEWEST_BLOCKED in all, tell nothing
 *     size      a share that is not twice, or half, the other, or differs by less than LEAST_DIFFERENCE, is no matter for a person
 *     scatter   attacks come in bursts and meet one Pod: the variance is widened by what the Pods of one side differ among themselves
 *     many      the more workloads are looked at, the surer each must be (Bonferroni), and each is looked at again and again
 *
 * It halts a rollout and never turns it back: whoever sends requests can move the share.
 */
import type { BlockedChange } from './facts.ts'

export interface PodShare {
  readonly namespace: string
  readonly workload: string
  /** Whether it runs `next`. */
  readonly stage: boolean
  /** Since the stage began. */
  readonly requests: number
  readonly blocked: number
}

export const FEWEST_REQUESTS = 500
export const FEWEST_BLOCKED = 20
export const LEAST_DIFFERENCE = 0.005
const LEAST_RATIO = 2
/** Of a false alarm, over all workloads at one look. Looks repeat over hours, and are not independent of each other. */
const ALPHA = 1e-4

interface Side {
  readonly pods: readonly PodShare[]
  readonly requests: number
  readonly blocked: number
}

export function compareBlocked(pods: Iterable<PodShare>): BlockedChange[] {
  const workloads = new Map<string, PodShare[]>()
  for (const pod of pods) {
    if (pod.requests === 0) continue
    const key = `${pod.namespace}/${pod.workload}`
    const list = workloads.get(key)
    if (list === undefined) workloads.set(key, [pod])
    else list.push(pod)
  }
  const pairs = [...workloads.values()]
    .map((list) => ({ stage: side(list.filter((one) => one.stage)), control: side(list.filter((one) => !one.stage)) }))
    .filter(({ stage, control }) => Math.min(stage.requests, control.requests) >= FEWEST_REQUESTS)
    .filter(({ stage, control }) => stage.blocked + control.blocked >= FEWEST_BLOCKED)
  return pairs
    .filter(({ stage, control }) => differs(stage, control, ALPHA / pairs.length))
    .map(({ stage, control }) => {
      const { namespace, workload } = stage.pods[0]!
      return { namespace, workload, detail: inWords(namespace, workload, stage, control) }
    })
    .toSorted((a, b) => (`${a.namespace}/${a.workload}` < `${b.namespace}/${b.workload}` ? -1 : 1))
}

const side = (pods: readonly PodShare[]): Side => ({
  pods,
  requests: pods.reduce((all, one) => all + one.requests, 0),
  blocked: pods.reduce((all, one) => all + one.blocked, 0),
})
const share = ({ requests, blocked }: Side): number => blocked / requests

function differs(stage: Side, control: Side, alpha: number): boolean {
  const [a, b] = [share(stage), share(control)]
  if (Math.abs(a - b) < LEAST_DIFFERENCE || Math.max(a, b) < LEAST_RATIO * Math.min(a, b)) return false
  const pooled = (stage.blocked + control.blocked) / (stage.requests + control.requests)
  const variance = pooled * (1 - pooled) * (1 / stage.requests + 1 / control.requests)
  if (variance === 0) return false
  return twoSided(Math.abs(a - b) / Math.sqrt(variance * scatter(stage, control))) < alpha
}

/** How much more the Pods of a side differ than chance lets them: Pearson's χ² over its degrees of freedom, at least 1. */
function scatter(...sides: readonly Side[]): number {
  const terms = sides.flatMap((one) => {
    const p = share(one)
    return p === 0 || p === 1
      ? []
      : one.pods.map(({ requests, blocked }) => (blocked - requests * p) ** 2 / (requests * p * (1 - p)))
  })
  const freedom = sides.reduce((all, one) => all + (share(one) % 1 === 0 ? 0 : one.pods.length - 1), 0)
  return freedom === 0 ? 1 : Math.max(1, terms.reduce((all, one) => all + one, 0) / freedom)
}

/** Of the normal distribution, both tails: Abramowitz and Stegun 26.2.17, absolute error below 7.5e-8; beyond 6 it is 0 for our purpose. */
export function twoSided(z: number): number {
  if (z > 6) return 0
  const t = 1 / (1 + 0.2316419 * z)
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return (2 * Math.exp((-z * z) / 2) * series) / Math.sqrt(2 * Math.PI)
}

const percent = (one: Side): string => `${Math.round(share(one) * 10_000) / 100} % (${one.blocked} of ${one.requests})`
const inWords = (namespace: string, workload: string, stage: Side, control: Side): string =>
  `${workload} in ${namespace}: its ${stage.pods.length} Pods of the stage block ${percent(stage)} of their requests, the ${control.pods.length} others ${percent(control)}.`
