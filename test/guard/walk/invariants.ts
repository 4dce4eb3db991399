/**
 * What must hold whatever happens, judged afterwards from the journal:
 *
 *   blind-binding   no Pod of a protected namespace is bound to a node that the API shows as not covered
 *   not-tainted     no node that is concerned and not covered is without our taint for longer than `lagMs`
 *   still-tainted   no covered node keeps it longer than the time to settle + `lagMs`, none that is not concerned longer than `lagMs`
 *   other-writer    nothing of a node that others wrote is changed by anybody else
 *   not-scheduled   Pods of namespaces that are not protected are placed within `placeMs`
 *
 * A binding is judged by a review that looks before it answers. Between that look and the commit the API may change its mind: this window
 * is as long as one request, from its receipt to its revision, and nothing but a change that became visible *within* it is excused.
 */
import type { Term } from './guard-process.ts'
import type { Entry, NodeSeen } from './journal.ts'
import { has, type ProtectedNamespace, World } from './world.ts'

/** A request that placed a Pod on a node: its binding, or its creation with a node's name. Times are the API server's. */
export interface Placement {
  readonly namespace: string
  readonly pod: string
  readonly received: number
  readonly ended: number
}

export interface Evidence {
  readonly entries: readonly Entry[]
  readonly placements: readonly Placement[]
  readonly namespaces: readonly ProtectedNamespace[]
  /** Namespaces that are not protected. */
  readonly free: readonly string[]
  /** When a change was known to be visible, from the answer to whoever made it; else it is when the journal saw it. */
  readonly visible: ReadonlyMap<number, number>
  /** Revisions of nodes by which others than the guard changed taints, labels or cordons. */
  readonly others: ReadonlySet<number>
  readonly leaderless: readonly Term[]
  /** What is after it is not judged. */
  readonly until: number
  readonly limits: { readonly lagMs: number; readonly settleMs: number; readonly placeMs: number }
}

export interface Violation {
  readonly rule:
    | 'blind-binding'
    | 'outside-selector'
    | 'not-tainted'
    | 'still-tainted'
    | 'other-writer'
    | 'not-scheduled'
  readonly revision: number
  readonly what: string
}

export interface Judgement {
  readonly violations: readonly Violation[]
  /** Bindings of protected Pods that were judged. */
  readonly bindings: number
  /** Those that met a change within their own window, and the longest such window. */
  readonly inFlight: number
  readonly longestWindowMs: number
  /** How long nodes were without the taint that they should have, and with one that they should not have, each time. */
  readonly untaintedMs: readonly number[]
  readonly overtaintedMs: readonly number[]
}

export function judge(evidence: Evidence): Judgement {
  const { entries, namespaces, until } = evidence
  const world = new World()
  const violations: Violation[] = []
  const bindings = new Bindings(evidence, violations)
  const taints = new Taints(evidence, violations)
  const placed = new Map<string, { readonly at: number; readonly name: string; readonly revision: number }>()
  for (const entry of entries) {
    if (entry.at > until) break
    const { seen, revision, at, gone } = entry
    if (seen.kind === 'node' && !gone) otherWriter(world.nodes.get(seen.name), seen, revision, evidence, violations)
    if (seen.kind === 'pod') {
      const before = world.pods.get(seen.uid)
      if (!gone && seen.node !== '' && (before === undefined || before.node === '')) bindings.bound(entry, world)
      if (evidence.free.includes(seen.namespace)) {
        if (before === undefined && !gone)
          placed.set(seen.uid, { at, name: `${seen.namespace}/${seen.name}`, revision })
        const waits = placed.get(seen.uid)
        if (waits !== undefined && (gone || seen.terminating || seen.node !== '')) {
          placed.delete(seen.uid)
          late(waits, at, evidence, violations)
        }
      }
    }
    const about = world.apply(entry)
    for (const node of about === undefined ? (seen.kind === 'daemonset' ? world.nodes.keys() : []) : [about]) {
      bindings.note(node, entry, world)
      taints.note(node, at, world.nodes.get(node), world.covered(node), world.concerned(node, namespaces), revision)
    }
  }
  for (const waits of placed.values()) late(waits, until, evidence, violations)
  taints.end(until)
  return { violations, ...bindings.result, untaintedMs: taints.untainted, overtaintedMs: taints.overtainted }
}

function late(
  { at, name, revision }: { at: number; name: string; revision: number },
  now: number,
  { limits }: Evidence,
  violations: Violation[],
) {
  if (now - at > limits.placeMs)
    violations.push({ rule: 'not-scheduled', revision, what: `${name} waited ${now - at} ms for a node` })
}

const spoken = (node: NodeSeen) => JSON.stringify([node.foreign, node.unschedulable, node.labels])

function otherWriter(
  before: NodeSeen | undefined,
  after: NodeSeen,
  revision: number,
  evidence: Evidence,
  violations: Violation[],
) {
  if (before === undefined || evidence.others.has(revision) || spoken(before) === spoken(after)) return
  const what = `node ${after.name}: ${spoken(before)} became ${spoken(after)}`
  violations.push({ rule: 'other-writer', revision, what })
}

/** Each placement against what held just before it. */
class Bindings {
  readonly result = { bindings: 0, inFlight: 0, longestWindowMs: 0 }
  readonly #uncovered = new Map<string, number>()
  readonly #placements: ReadonlyMap<string, Placement>
  readonly #evidence: Evidence
  readonly #violations: Violation[]

  constructor(evidence: Evidence, violations: Violation[]) {
    this.#evidence = evidence
    this.#violations = violations
    this.#placements = new Map(evidence.placements.map((one) => [`${one.namespace}/${one.pod}`, one]))
  }

  /** Remembers since when the API shows a node as not covered. */
  note(node: string, { revision, at }: Entry, world: World) {
    if (world.covered(node)) this.#uncovered.delete(node)
    else if (!this.#uncovered.has(node))
      this.#uncovered.set(node, Math.min(at, this.#evidence.visible.get(revision) ?? at))
  }

  bound({ seen, revision }: Entry, world: World) {
    if (seen.kind !== 'pod') return
    const namespace = this.#evidence.namespaces.find(({ name }) => name === seen.namespace)
    if (namespace === undefined) return
    this.result.bindings++
    const name = `${seen.namespace}/${seen.name}`
    const tell = (rule: Violation['rule'], what: string) => void this.#violations.push({ rule, revision, what })
    const labels = world.nodes.get(seen.node)?.labels
    if (labels !== undefined && !has(labels, namespace.selector))
      tell(
        'outside-selector',
        `${name} was bound to ${seen.node}, which is outside ${JSON.stringify(namespace.selector)}`,
      )
    if (world.covered(seen.node)) return
    const since = this.#uncovered.get(seen.node) ?? Number.NEGATIVE_INFINITY
    const request = this.#placements.get(name)
    if (request !== undefined && since >= request.received) {
      this.result.inFlight++
      this.result.longestWindowMs = Math.max(this.result.longestWindowMs, request.ended - request.received)
      return
    }
    const before =
      request === undefined
        ? 'and the audit log has no such request'
        : `${request.received - since} ms before the request came`
    tell('blind-binding', `${name} was bound to ${seen.node}, which was not covered, ${before}`)
  }
}

type Wrong = 'not-tainted' | 'still-tainted, covered' | 'still-tainted, not concerned'

/** How long each node was wrong about our taint, cut where nobody led. */
class Taints {
  readonly untainted: number[] = []
  readonly overtainted: number[] = []
  readonly #wrong = new Map<string, { readonly wrong: Wrong; readonly from: number; readonly revision: number }>()
  readonly #evidence: Evidence
  readonly #violations: Violation[]

  constructor(evidence: Evidence, violations: Violation[]) {
    this.#evidence = evidence
    this.#violations = violations
  }

  note(node: string, at: number, state: NodeSeen | undefined, covered: boolean, concerned: boolean, revision: number) {
    const wrong = wrongness(state, covered, concerned)
    const before = this.#wrong.get(node)
    if (before?.wrong === wrong) return
    if (before !== undefined) this.#over(node, before, at)
    if (wrong === undefined) this.#wrong.delete(node)
    else this.#wrong.set(node, { wrong, from: at, revision })
  }

  end(at: number) {
    for (const [node, before] of this.#wrong) this.#over(node, before, at)
  }

  #over(node: string, { wrong, from, revision }: { wrong: Wrong; from: number; revision: number }, to: number) {
    const ms = longestLed(from, to, this.#evidence.leaderless)
    const { lagMs, settleMs } = this.#evidence.limits
    ;(wrong === 'not-tainted' ? this.untainted : this.overtainted).push(ms)
    if (ms <= (wrong === 'still-tainted, covered' ? settleMs + lagMs : lagMs)) return
    const rule = wrong === 'not-tainted' ? wrong : 'still-tainted'
    this.#violations.push({ rule, revision, what: `node ${node} was ${wrong} for ${ms} ms with a leader` })
  }
}

function wrongness(state: NodeSeen | undefined, covered: boolean, concerned: boolean): Wrong | undefined {
  if (state === undefined) return undefined
  if (!state.ours) return concerned && !covered ? 'not-tainted' : undefined
  if (!concerned) return 'still-tainted, not concerned'
  return covered ? 'still-tainted, covered' : undefined
}

/** The longest time within `[from, to]` in which somebody led without a break. */
function longestLed(from: number, to: number, leaderless: readonly Term[]): number {
  let longest = 0
  let start = from
  for (const gap of leaderless) {
    if (gap.to <= from || gap.from >= to) continue
    longest = Math.max(longest, gap.from - start)
    start = Math.max(start, gap.to)
  }
  return Math.max(longest, to - start)
}
