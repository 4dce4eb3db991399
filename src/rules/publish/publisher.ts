/**
 * What the leader does for one namespace: from its policies, its rules and the releases of the rollout to what is published for its Pods.
 *
 *     orders ─ differ? ─▶ stored at once, before anything is compiled or tried
 *     target × release ─ compile ─ refused ─▶ told; last good stays
 *                          └─ content ─ tried on this engine? ─ trial ─ held, refused ─▶ told; last good stays
 *                                                                 └─ passed ─▶ recipe kept ─▶ sequence, published
 *
 * Nothing here waits for another namespace but for its turn at the compiler and at the bench.
 */
import type { WafPolicy } from '../../api/waf-policy.ts'
import type { Log } from '../../cluster/log.ts'
import type { PolicySettings } from '../../config/rules.ts'
import type { Content } from '../compile/compile.ts'
import { asLine } from '../compile/problem.ts'
import type { Published, Recipe, ReleaseRef, Slot, Target, TrialBench, TrialKind, TrialResult } from '../model.ts'
import { breakGlassOf, ordersOf } from '../policy/mode.ts'
import { type RecipeInput, recipeInput } from '../policy/recipe.ts'
import { mustSealAnew, releasesOf, sameRelease } from '../rollout/stage.ts'
import type { RolloutState } from '../rollout/state.ts'
import { cut } from '../rollout/stored.ts'
import { MOST_PROBLEMS, type Newest } from '../rollout/target-state.ts'
import { type Contents, type Made, problemLines } from './contents.ts'
import { canonical, sha256 } from './hash.ts'
import { withEngine, withNewest, withOrders, withPublished, withSlots } from './namespace-change.ts'
import type { Recipes } from './recipes.ts'
import { sealContent, sealOf } from './shelf.ts'
import type { Signing } from './signing-keys.ts'
import type { States } from './states.ts'
import type { View } from './view.ts'

export interface Told extends Target {
  readonly what: 'Accepted' | 'Refused' | 'Held' | 'BreakGlassOpened' | 'BreakGlassClosed'
  readonly release?: ReleaseRef
  readonly slot: Slot
  readonly reason: string
  readonly detail: string
}

export interface PublisherOptions {
  readonly view: Pick<View, 'podsOf' | 'policiesOf' | 'rulesOf' | 'policyOf'>
  readonly states: States
  readonly rollout: () => RolloutState
  readonly contents: Pick<Contents, 'make' | 'get'>
  readonly recipes: Recipes
  readonly bench: TrialBench
  readonly signing: () => Signing | undefined
  readonly settings: PolicySettings
  readonly now: () => number
  readonly log: Log
  readonly published: () => void
  readonly triedOne: (kind: TrialKind, result: TrialResult) => void
  /** What a person cares about. */
  readonly tell: (told: Told) => void
}

/** What became of one namespace. */
export interface Settled {
  /** When to look again though nothing changed, ms since 1970. */
  readonly wakeAt: number
  /** Something waits for what does not tell when it is there: the bench, a release that cannot be read. */
  readonly unfinished: boolean
}

export interface Publisher {
  /** @throws what cannot be written; rejects with the signal's reason */
  settle(namespace: string, signal: AbortSignal): Promise<Settled>
  /** A Pod has seen a higher sequence than is published for it. */
  raise(target: Target & { readonly release: ReleaseRef; readonly seen: number }): void
  /** `metadata.generation` of the policy that was last looked at to its end; undefined: none yet. */
  lookedAt(target: Target): number | undefined
  /** That a content passed the trial of a whole release. */
  passed(address: string, engine: string): void
}

/** Trials whose outcome says nothing of what was tried; they are asked again. */
const RETRY_MS = 15_000
/** At most so often is a bundle sealed anew since a Pod says that it has seen a higher sequence. */
const RAISE_MS = 10_000
const MOST_REMEMBERED = 50_000
const NEVER = Number.POSITIVE_INFINITY

export function createPublisher(options: PublisherOptions): Publisher {
  const { view, states, rollout, contents, recipes, bench, signing, settings, now, log, tell } = options
  /** `address engine` of this process; what is published names its engines itself. */
  const tried = new Set<string>()
  const raised = new Map<string, { seen: number; at: number }>()
  /** What was told of a target and slot last: the same is told once. */
  const toldOnce = new Map<string, string>()

  const isTried = (address: string, engine: string): boolean => {
    if (tried.has(`${address} ${engine}`)) return true
    for (const { targets } of states.all())
      for (const { published } of targets)
        for (const one of published) if (one.address === address && one.engines.includes(engine)) return true
    return false
  }

  const outcome = async (target: Target, slot: Slot, release: ReleaseRef, newest: Newest): Promise<void> => {
    // What a release that is only being rolled out makes of a policy is no word about what the team wrote.
    const { namespace, policy } = target
    const before = states.of(namespace).targets.find((one) => one.policy === policy)?.newest
    if (slot === 'current') await states.update(namespace, (state) => withNewest(state, policy, newest))
    const { outcome: what, reason, detail, revision } = newest
    if (what === 'trying') return
    const key = `${namespace}/${policy} ${slot}`
    const text = `${what} ${reason} ${detail} ${revision}`
    // Another leader may have told it before us: what is stored says so.
    const stored = slot === 'current' && before?.outcome === what && before.revision === revision
    if (toldOnce.get(key) === text || stored) return
    toldOnce.set(key, text)
    const said = what === 'published' ? 'Accepted' : what === 'refused' ? 'Refused' : 'Held'
    if (said === 'Accepted' && slot === 'next') return
    tell({
      ...target,
      what: said,
      release,
      slot,
      reason,
      detail: detail || `published with the CRS ${release.version}`,
    })
  }

  const publish = async (
    target: Target,
    slot: Slot,
    release: ReleaseRef,
    made: Made & { readonly status: 'compiled' },
    engines: readonly string[],
    rollback: boolean,
  ): Promise<void> => {
    const { namespace, policy } = target
    const { content } = made
    await recipes.keep(content.address, made.recipe)
    const keys = signing()
    if (keys === undefined) throw new Error('Cannot publish: there is no signing key yet')
    const key = `${namespace}/${policy} ${release.sha256}`
    const above = raised.get(key)?.seen ?? 0
    await states.update(namespace, (state) =>
      withPublished(
        state,
        {
          policy,
          slot,
          address: content.address,
          release,
          engines,
          rollback,
          above,
          trust: keys.id,
          generation: (sequence, back) =>
            sealContent(content, { namespace, sequence, rollback: back }, keys).generation,
        },
        now(),
      ),
    )
    log.info(
      {
        'k8s.namespace.name': namespace,
        'sekisho.policy': policy,
        'sekisho.release': release.version,
        'sekisho.slot': slot,
        'sekisho.address': content.address,
        'sekisho.rules': content.rules,
      },
      'published',
    )
    options.published()
  }

  /** When what is published must get a new sequence though its content is right: ms since 1970, NEVER where it need not. */
  const sealAt = (target: Target, existing: Published): number => {
    const seal = sealOf(states.of(target.namespace), existing)
    if (seal === undefined || seal.trust !== signing()?.id) return 0
    if (mustSealAnew(existing, rollout())) return 0
    const key = `${target.namespace}/${target.policy} ${existing.release.sha256}`
    const higher = raised.get(key)
    return higher === undefined || higher.seen <= existing.sequence ? NEVER : existing.at + RAISE_MS
  }

  interface Step {
    readonly wakeAt: number
    readonly unfinished: boolean
  }
  const done = (wakeAt: number): Step => ({ wakeAt, unfinished: false })
  const waits: Step = { wakeAt: NEVER, unfinished: true }

  /** One target with one release. */
  const ensure = async (
    target: Target,
    slot: Slot,
    release: ReleaseRef,
    input: RecipeInput,
    signal: AbortSignal,
  ): Promise<Step> => {
    const { problems, ...inputs } = input
    const revision = sha256(canonical({ inputs, problems })).slice(0, 16)
    const state = states.of(target.namespace)
    const before = state.targets.find(({ policy }) => policy === target.policy)
    const newest = (
      outcome: Newest['outcome'],
      reason: string,
      detail: string,
      lines: readonly string[] = [],
    ): Newest => ({
      revision,
      outcome,
      reason,
      detail: cut(detail),
      problems: lines.map((line) => cut(line)),
      at: now(),
    })
    const refuse = (code: string, lines: readonly string[]) =>
      outcome(target, slot, release, newest('refused', code, lines[0] ?? code, lines))

    if (problems.length > 0) {
      await refuse(
        problems[0]!.code,
        problems.map(({ where, message }) => `${where}: ${message}`).slice(0, MOST_PROBLEMS),
      )
      return done(NEVER)
    }
    const recipe = { release, ...inputs, at: now() }
    let made = await contents.make(recipe, 'note')
    // A person who writes it now is told that it does nothing; a release that takes a rule away does not make yesterday's policy wrong.
    const stood = before?.newest?.revision === revision && before.newest.outcome === 'published'
    const gone = made.status === 'compiled' && made.notes.some(({ code }) => code === 'GoneFromRelease')
    if (gone && !stood && slot === 'current') made = await contents.make(recipe, 'refuse')
    signal.throwIfAborted()
    if (made.status === 'refused') {
      await refuse(made.problems[0]?.code ?? 'BadRelease', problemLines(made.problems, MOST_PROBLEMS, asLine))
      return done(NEVER)
    }
    const { content, nextExpiry = NEVER } = made
    const existing = before?.published.find((one) => sameRelease(one.release, release))
    const engine = bench.engine()
    const same = existing?.address === content.address
    if (existing !== undefined && same && (engine === undefined || existing.engines.includes(engine))) {
      const due = sealAt(target, existing)
      if (due <= now()) {
        const back = slot === 'current' && mustSealAnew(existing, rollout())
        await publish(target, slot, release, made, existing.engines, back)
      }
      await outcome(target, slot, release, newest('published', 'Published', ''))
      return done(due > now() ? Math.min(nextExpiry, due) : nextExpiry)
    }
    if (engine === undefined) {
      await outcome(target, slot, release, newest('trying', 'NoBench', 'the bench is not there yet'))
      return waits
    }
    if (!isTried(content.address, engine)) {
      if (!stood) await outcome(target, slot, release, newest('trying', 'Trying', 'it is being tried on the engine'))
      const verdict = await attempt(target, recipe, content, signal)
      // Something newer of the target went before: nothing was found out.
      if (verdict.reason === 'Superseded') return waits
      if (verdict.verdict !== 'passed') {
        const { reason, detail } = verdict
        await outcome(target, slot, release, newest(verdict.verdict, reason, detail))
        return done(Math.min(nextExpiry, now() + RETRY_MS * 20))
      }
    }
    if (existing !== undefined && same)
      await states.update(target.namespace, (now) =>
        withEngine(now, { policy: target.policy, address: content.address }, engine),
      )
    else await publish(target, slot, release, made, [engine], false)
    await outcome(target, slot, release, newest('published', 'Published', ''))
    return done(nextExpiry)
  }

  /** Beside the release with the same settings: what languages or methods open on purpose is no mistake of the namespace's own rules. */
  const attempt = async (target: Target, recipe: Recipe, content: Content, signal: AbortSignal) => {
    const alike = await contents.make({ ...recipe, before: [], after: [], exclusions: [] }, 'note')
    signal.throwIfAborted()
    const against = alike.status === 'compiled' ? alike.content : undefined
    const { namespace, policy } = target
    const result = await bench.try({ kind: 'delta', namespace, policy, content, ...(against && { against }) }, signal)
    options.triedOne('delta', result)
    log.info(
      {
        'k8s.namespace.name': namespace,
        'sekisho.policy': target.policy,
        'sekisho.address': content.address,
        'sekisho.verdict': result.verdict,
        'sekisho.reason': result.reason,
        'sekisho.trial.ms': result.ms,
      },
      'tried',
    )
    if (result.verdict === 'passed') tried.add(`${content.address} ${result.engine}`)
    return result
  }

  const targetsOf = (namespace: string): ReadonlyMap<string, WafPolicy | undefined> => {
    const policies = view.policiesOf(namespace)
    const targets = new Map<string, WafPolicy | undefined>(policies.map((one) => [one.name, one]))
    if (view.podsOf(namespace).some((pod) => view.policyOf(pod) === '')) targets.set('', undefined)
    return targets
  }

  const lookedAt = new Map<string, number>()
  return {
    lookedAt: ({ namespace, policy }) => lookedAt.get(`${namespace}/${policy}`),
    passed: (address, engine) => void tried.add(`${address} ${engine}`),
    raise: ({ namespace, policy, release, seen }) => {
      const key = `${namespace}/${policy} ${release.sha256}`
      raised.set(key, { seen: Math.max(seen, raised.get(key)?.seen ?? 0), at: now() })
    },
    settle: async (namespace, signal) => {
      // Namespaces come and go for years: what is forgotten costs one more Event or trial.
      for (const remembered of [tried, raised, toldOnce, lookedAt])
        if (remembered.size > MOST_REMEMBERED) remembered.clear()
      const targets = targetsOf(namespace)
      const wanted = new Map([...targets].map(([policy, one]) => [policy, ordersOf(one, settings, now())]))
      const before = new Map(states.of(namespace).targets.map((one) => [one.policy, one.orders?.breakGlassUntil ?? 0]))
      await states.update(namespace, (state) => withOrders(state, wanted, now()))
      let wakeAt = NEVER
      let unfinished = false
      for (const [policy, one] of targets) {
        const glass = breakGlassOf(one, settings, now())
        if (glass.status === 'open') wakeAt = Math.min(wakeAt, glass.until)
        const was = before.get(policy) ?? 0
        const is = wanted.get(policy)!.breakGlassUntil
        if (was === is) continue
        const opened = glass.status === 'open'
        if (!opened && was === 0) continue
        const detail = opened
          ? `by ${glass.by} until ${new Date(glass.until).toISOString()}: ${glass.reason}`
          : 'the WAF does again what its mode says'
        const what = opened ? 'BreakGlassOpened' : 'BreakGlassClosed'
        tell({ namespace, policy, what, slot: 'current', reason: what, detail })
      }
      const releases = releasesOf(namespace, rollout())
      if (releases === undefined) return { wakeAt, unfinished }
      const rules = view.rulesOf(namespace)
      const inputs = [...targets].map(([policy, one]) => [policy, recipeInput(one, rules, settings)] as const)
      for (const policy of targets.keys()) await states.update(namespace, (state) => withSlots(state, policy, releases))
      let fault: Error | undefined
      const slots: readonly (readonly [Slot, ReleaseRef | undefined])[] = [
        ['current', releases.current],
        ['next', releases.next],
      ]
      for (const [slot, release] of slots)
        for (const [policy, input] of release === undefined ? [] : inputs)
          try {
            const step = await ensure({ namespace, policy }, slot, release!, input, signal)
            wakeAt = Math.min(wakeAt, step.wakeAt)
            unfinished ||= step.unfinished
            if (slot === 'current') lookedAt.set(`${namespace}/${policy}`, targets.get(policy)?.generation ?? 0)
          } catch (error) {
            signal.throwIfAborted()
            // One target's fault is not the others': they go first.
            fault ??= new Error(`${namespace}/${policy}, ${slot}: ${(error as Error).message}`, { cause: error })
          }
      // Once `current` is there, what stood in its place may go.
      for (const policy of targets.keys()) await states.update(namespace, (state) => withSlots(state, policy, releases))
      if (fault !== undefined) throw fault
      return { wakeAt, unfinished }
    },
  }
}
