/**
 * The words that the parts of `sekisho rules` share. Types alone: what flows between them.
 *
 *     sources ─ release ─┐                        ┌─ trial (the engine's own word)
 *     policies, rules ───┼─ recipe ─ content ─────┤
 *                        │                        └─ publish: Published per target ─ serve: what each Pod should run ─ heard ─┐
 *     rollout: which release for which Pod  ◄──────────────────────────────────────────────────────────────────────────────┘
 */
import type { Exclusion, NamedText, Permit, Setup } from './compile/input.ts'

/** Pods that run the same bundle: those of one namespace that one policy selects; `policy` is '' where none does. */
export interface Target {
  readonly namespace: string
  readonly policy: string
}
/** `namespace/policy`. */
export type TargetKey = `${string}/${string}`
export const targetKey = ({ namespace, policy }: Target): TargetKey => `${namespace}/${policy}`

/** A protected Pod as the cluster shows it: only such whose sidecars are ours, by name, image and order. */
export interface PodFact {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  /** `Deployment/shop` as far as owner references tell (`ReplicaSet/shop-6d4b` counts as its Deployment); the Pod's own name without one. */
  readonly workload: string
  /** The sekisho-waf image in its spec. */
  readonly image: string
  /** The mode it was injected with. */
  readonly mode: 'block' | 'detect'
  readonly terminating: boolean
}

/** Which archive a content is made from. */
export interface ReleaseRef {
  /** `4.25.0` */
  readonly version: string
  /** Of the archive, or of the unpacked content where there is no archive. */
  readonly sha256: string
}

/** Everything a content is compiled from beside the release's files. Plain JSON, kept, so that a content can be made again after a restart. */
export interface Recipe {
  readonly release: ReleaseRef
  readonly setup: Setup
  readonly before: readonly NamedText[]
  readonly after: readonly NamedText[]
  readonly exclusions: readonly Exclusion[]
  readonly permit: Permit
  /** The instant that decided which exclusions had expired, ms since 1970. */
  readonly at: number
}

/** `current` is the release that all run; `next` the one that is being rolled out. */
export type Slot = 'current' | 'next'

/** What the leader published: everything that is signed and served follows from it and the recipe. */
export interface Published extends Target {
  readonly slot: Slot
  /** Of the content; its recipe is kept under this name. */
  readonly address: string
  readonly release: ReleaseRef
  /** Rises for the namespace with every seal: at least the seconds since 1970, so that lost state never leads back. */
  readonly sequence: number
  readonly rollback: boolean
  /** ms since 1970 */
  readonly at: number
  /** Engine versions on which it was tried. */
  readonly engines: readonly string[]
}

/** The mode, signed apart from the bundle since it changes alone. docs/reference/update-protocol.md has the form. */
export interface Orders {
  readonly namespace: string
  readonly sequence: number
  /** `own`: what the Pod was injected with. */
  readonly mode: 'block' | 'detect' | 'own'
  /** Detect until then, whatever `mode` says; seconds since 1970, 0 for not. */
  readonly breakGlassUntil: number
}
export interface SealedOrders extends Orders {
  readonly text: string
  /** 64 bytes. */
  readonly signature: Uint8Array
  /** First 16 digits of the text's sha256. */
  readonly id: string
}

/** What one Pod should run now. */
export interface Wanted {
  readonly generation: string
  readonly address: string
  readonly sequence: number
  /** Of the packed bundle. */
  readonly sha256: string
  readonly bytes: number
  readonly orders: SealedOrders
}

/** What the server asks the rest. All of it answered from memory. */
export interface Shelf {
  /** undefined: no such Pod, or its sidecars are not ours. */
  pod(namespace: string, name: string, uid: string): PodFact | undefined
  /** undefined: nothing was published for it yet, or not for its engine (`OutdatedEngine`): it keeps what it has. */
  wanted(pod: PodFact, heard: Heard): Wanted | undefined
  /** The packed bundle (tar.gz of flat files), if it is one of this namespace. */
  bundle(namespace: string, generation: string): Uint8Array | undefined
  /** Protected Pods in the whole cluster, for the interval. */
  readonly pods: number
}

/** What one poll said. */
export interface Heard {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** ms since 1970, the service's clock */
  readonly at: number
  readonly engine: string
  readonly image: string
  /** Of the updater's protocol. */
  readonly protocol: number
  /** Served; '' for none. */
  readonly generation: string
  readonly sequence: number
  /** What was last asked of the WAF and became of it. */
  readonly wanted: string
  readonly state: 'active' | 'failed' | 'waiting'
  /** A code of waf/lib/reasons.tsv. */
  readonly reason: string
  readonly detail: string
  readonly mode: 'block' | 'detect' | ''
  /** Id of the orders it follows; '' for none. */
  readonly orders: string
  readonly rules: number
  /** Since the container started. */
  readonly requests: number
  readonly blocked: number
}

export type TrialKind = 'release' | 'delta'
export interface TrialRequest {
  readonly kind: TrialKind
  /** Who waits for it; turns go round between them. */
  readonly namespace: string
  /** Of the target: a newer candidate of the same namespace, policy and kind takes the place of one that still waits. @default '' */
  readonly policy?: string
  readonly content: import('./compile/compile.ts').Content
  /** What stands now, for comparison: a class that it stops must be stopped, a good one that it passes must pass. */
  readonly against?: import('./compile/compile.ts').Content
}
export interface TrialResult {
  /** `held`: it loads, but lets pass or blocks what the one before did not. `refused`: the engine does not take it. */
  readonly verdict: 'passed' | 'held' | 'refused'
  /** A code of the trial's table. */
  readonly reason: string
  readonly detail: string
  /** `3.0.16` */
  readonly engine: string
  readonly ms: number
}
export interface TrialBench {
  /** The engine that the bench runs; undefined while it is not there. */
  engine(): string | undefined
  /** Equal content (kind, address, against, engine) is tried once. Rejects only with the signal's reason. */
  try(request: TrialRequest, signal: AbortSignal): Promise<TrialResult>
}
