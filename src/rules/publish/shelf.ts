/**
 * What each Pod should run, answered from memory by every replica: from what the leader published and the recipes, so that a replica that does
 * not lead, or cannot reach the API server, serves as well.
 *
 *     Pod ─ policy ─ target ─ release by the rollout ─ published ─ tried on its engine? ─ runs it already? ─ sequence? ─ sealed ─▶ Wanted
 *
 * Bundles are made before they are asked for (`prepare`), and are equal byte for byte on every replica.
 */
import { createHash } from 'node:crypto'
import type { Log } from '../../cluster/log.ts'
import type { Content } from '../compile/compile.ts'
import { asLine } from '../compile/problem.ts'
import { seal } from '../compile/seal.ts'
import type { Heard, PodFact, Published, SealedOrders, Shelf, Wanted } from '../model.ts'
import { releaseFor, sameRelease } from '../rollout/stage.ts'
import type { RolloutState } from '../rollout/state.ts'
import type { KeptSeal, NamespaceState, TargetState } from '../rollout/target-state.ts'
import type { Contents } from './contents.ts'
import { sha256 } from './hash.ts'
import { sealOrders } from './orders.ts'
import type { Packer } from './pack.ts'
import type { Recipes } from './recipes.ts'
import type { Signing } from './signing-keys.ts'
import type { States } from './states.ts'
import type { View } from './view.ts'

export interface ShelfOptions {
  readonly view: Pick<View, 'pod' | 'policyOf' | 'podsOf' | 'podCount'>
  readonly states: Pick<States, 'of'>
  readonly rollout: () => RolloutState
  readonly contents: Pick<Contents, 'get' | 'make'>
  readonly recipes: Pick<Recipes, 'read'>
  readonly packer: Packer
  readonly signing: () => Signing | undefined
  /** The installation's image, which the bench runs too. */
  readonly wafImage: string
  readonly log: Log
  readonly now: () => number
  /** Bundles kept ready; each some KB beside what it shares. @default 6000 */
  readonly most?: number
}

/** A Pod refuses what is published for it, since it has seen a higher sequence. */
export interface Behind {
  readonly namespace: string
  readonly policy: string
  readonly release: Published['release']
  readonly seen: number
}

export interface BundleShelf extends Shelf {
  /** Makes what is published for a namespace ready. Never rejects. */
  prepare(namespace: string): Promise<void>
  /** Whether what the Pod should run must be sealed anew for it. */
  behind(pod: PodFact, heard: Pick<Heard, 'generation' | 'sequence'>): Behind | undefined
  /** What is published for the Pod by its release; the target's own where that one is not there. */
  publishedFor(pod: PodFact): Published | undefined
  /** Whether it was tried on the engine of the Pod. */
  isTried(pod: PodFact, heard: Pick<Heard, 'engine'>, published: Published): boolean
  /** Whether the Pod runs that content, signed with the keys of now. */
  runs(pod: PodFact, heard: Pick<Heard, 'generation'>, published: Published): boolean
}

interface Ready {
  readonly generation: string
  readonly sha256: string
  readonly bytes: number
  readonly pieces: readonly Uint8Array[]
}

/** A sequence is seconds; one far ahead of our clock was not given by us, and following it would use up what is left. */
const MOST_AHEAD_SECONDS = 86_400

/** Of a namespace, newest first: their bundles stay ready though they are not published any more. */
const RECENT_SEALS = 4

export const sealOf = (state: NamespaceState, one: Pick<Published, 'address' | 'sequence'>): KeptSeal | undefined =>
  state.seals.find(({ address, sequence }) => address === one.address && sequence === one.sequence)

/** The bundle of a content for a namespace. @throws with what the manifest cannot hold */
export function sealContent(
  content: Content,
  identity: { readonly namespace: string; readonly sequence: number; readonly rollback: boolean },
  signing: Signing,
) {
  const { keys, ca, sign } = signing
  const sealed = seal(content, { ...identity, keys, ...(ca !== undefined && { ca }), hash: sha256, sign })
  if (sealed.status === 'refused') throw new Error(`Cannot seal a bundle: ${sealed.problems.map(asLine).join('; ')}`)
  return sealed
}

export function createShelf(options: ShelfOptions): BundleShelf {
  const { view, states, rollout, contents, recipes, packer, signing, wafImage, log, now, most = 6000 } = options
  /** `namespace generation`, in the order of last use. */
  const ready = new Map<string, Ready>()
  const orders = new Map<string, { readonly trust: string; readonly sealed: SealedOrders }>()
  const preparing = new Map<string, Promise<void>>()
  const again = new Set<string>()
  const failing = new Set<string>()

  const targetOf = (pod: PodFact): TargetState | undefined => {
    const policy = view.policyOf(pod)
    return states.of(pod.namespace).targets.find((one) => one.policy === policy)
  }
  const choose = (pod: PodFact, target: TargetState): Published | undefined => {
    const wanted = releaseFor(pod, rollout())
    return (
      target.published.find(({ release }) => sameRelease(release, wanted?.release)) ??
      target.published.find(({ slot }) => slot === 'current')
    )
  }
  const ordersOf = (target: TargetState, keys: Signing): SealedOrders | undefined => {
    if (target.orders === undefined) return undefined
    const key = `${target.orders.namespace}/${target.policy}`
    const known = orders.get(key)
    const { sequence, mode, breakGlassUntil } = target.orders
    if (
      known?.trust === keys.id &&
      known.sealed.sequence === sequence &&
      known.sealed.mode === mode &&
      known.sealed.breakGlassUntil === breakGlassUntil
    )
      return known.sealed
    const sealed = sealOrders(target.orders, keys)
    if (orders.size > 50_000) orders.clear()
    orders.set(key, { trust: keys.id, sealed })
    return sealed
  }
  const runs = (namespace: string, generation: string, published: Published): boolean => {
    if (generation === '') return false
    const one = states.of(namespace).seals.find((past) => past.generation === generation)
    return one !== undefined && one.address === published.address && one.trust === signing()?.id
  }
  /** An updater asks before its WAF has started; the image says then which engine it will be. */
  const isTried = ({ image }: PodFact, { engine }: Pick<Heard, 'engine'>, { engines }: Published): boolean =>
    engine === '' ? image === wafImage && engines.length > 0 : engines.includes(engine)
  const behind = (
    pod: PodFact,
    { generation, sequence }: Pick<Heard, 'generation' | 'sequence'>,
    published: Published,
  ): boolean =>
    sequence > published.sequence &&
    sequence <= now() / 1000 + MOST_AHEAD_SECONDS &&
    !runs(pod.namespace, generation, published)

  const make = async (namespace: string, published: Published, past: KeptSeal, keys: Signing): Promise<void> => {
    const key = `${namespace} ${past.generation}`
    if (ready.has(key)) return
    let content = contents.get(published.address)
    if (content === undefined) {
      const made = await contents.make(recipes.read(published.address), 'note')
      if (made.status === 'refused')
        throw new Error(`its recipe is refused: ${made.problems.slice(0, 3).map(asLine).join('; ')}`)
      content = made.content
    }
    if (content.address !== published.address)
      throw new Error(`its recipe makes ${content.address}: another version of Sekisho published it`)
    const { sequence, rollback } = published
    const sealed = sealContent(content, { namespace, sequence, rollback }, keys)
    if (sealed.generation !== past.generation)
      throw new Error(`it is sealed as ${sealed.generation} here: other keys or another CA are at hand`)
    const pieces = await packer.pack(sealed.files)
    const hash = createHash('sha256')
    let bytes = 0
    for (const piece of pieces) {
      hash.update(piece)
      bytes += piece.length
    }
    ready.set(key, { generation: past.generation, sha256: hash.digest('hex'), bytes, pieces })
    if (ready.size > most) ready.delete(ready.keys().next().value!)
  }
  /** What a Pod was told a moment ago it still gets; what is older nobody is told any more. */
  const takeAwayOld = (namespace: string) => {
    const { targets, seals } = states.of(namespace)
    const published = new Set(targets.flatMap((one) => one.published.map(({ sequence }) => sequence)))
    const stay = new Set(
      seals.flatMap(({ generation, sequence }, i) =>
        i < RECENT_SEALS || published.has(sequence) ? `${namespace} ${generation}` : [],
      ),
    )
    for (const key of ready.keys()) if (key.startsWith(`${namespace} `) && !stay.has(key)) ready.delete(key)
  }
  const prepareOnce = async (namespace: string): Promise<void> => {
    takeAwayOld(namespace)
    if (view.podsOf(namespace).length === 0) return
    const state = states.of(namespace)
    for (const { policy, published } of state.targets)
      for (const one of published) {
        const keys = signing()
        const past = sealOf(state, one)
        // Sealed with keys that are not ours yet, or not any more: the leader seals anew, or the files are about to come.
        if (keys === undefined || past?.trust !== keys.id) continue
        const key = `${namespace}/${policy} ${one.address}`
        try {
          await make(namespace, one, past, keys)
          failing.delete(key)
        } catch (error) {
          if (failing.has(key)) continue
          failing.add(key)
          log.warn(
            { 'k8s.namespace.name': namespace, 'sekisho.policy': policy, 'sekisho.address': one.address, err: error },
            'a published bundle cannot be made here; its Pods keep what they run',
          )
        }
      }
  }
  const prepare = (namespace: string): Promise<void> => {
    const running = preparing.get(namespace)
    if (running !== undefined) {
      again.add(namespace)
      return running
    }
    const mine = (async () => {
      do {
        again.delete(namespace)
        await prepareOnce(namespace)
      } while (again.has(namespace))
    })().finally(() => preparing.delete(namespace))
    preparing.set(namespace, mine)
    return mine
  }

  return {
    get pods() {
      return view.podCount
    },
    pod: (namespace, name, uid) => {
      const pod = view.pod(namespace, name)
      return pod?.uid === uid ? pod : undefined
    },
    wanted: (pod, heard): Wanted | undefined => {
      const keys = signing()
      const target = targetOf(pod)
      if (keys === undefined || target === undefined) return undefined
      const sealed = ordersOf(target, keys)
      if (sealed === undefined) return undefined
      // What it has stays; the orders hold nevertheless.
      const nothing: Wanted = { generation: '', address: '', sequence: 0, sha256: '', bytes: 0, orders: sealed }
      const published = choose(pod, target)
      if (published === undefined || !isTried(pod, heard, published)) return nothing
      if (runs(pod.namespace, heard.generation, published) || behind(pod, heard, published)) return nothing
      const past = sealOf(states.of(pod.namespace), published)
      if (past?.trust !== keys.id) return nothing
      const key = `${pod.namespace} ${past.generation}`
      const one = ready.get(key)
      if (one === undefined) {
        void prepare(pod.namespace)
        return nothing
      }
      ready.delete(key)
      ready.set(key, one)
      const { generation, sha256, bytes } = one
      return { generation, sha256, bytes, address: published.address, sequence: published.sequence, orders: sealed }
    },
    bundle: (namespace, generation) => {
      const one = ready.get(`${namespace} ${generation}`)
      return one && Buffer.concat(one.pieces, one.bytes)
    },
    prepare,
    publishedFor: (pod) => {
      const target = targetOf(pod)
      return target && choose(pod, target)
    },
    isTried,
    runs: (pod, { generation }, published) => runs(pod.namespace, generation, published),
    behind: (pod, heard) => {
      const target = targetOf(pod)
      const published = target && choose(pod, target)
      if (published === undefined || !behind(pod, heard, published)) return undefined
      const { namespace, policy, release } = published
      return { namespace, policy, release, seen: heard.sequence }
    },
  }
}
