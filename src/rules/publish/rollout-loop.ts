/**
 * The leader's turns: facts in, a decision out, stored before anything is served by it; then what it asks for is done, and what happened told.
 *
 *     Pods, polls, trials, fetched releases ─▶ decideRollout ─▶ ConfigMap ─▶ try │ tell │ wake the namespaces
 */
import type { Log } from '../../cluster/log.ts'
import type { PolicySettings, RolloutSettings } from '../../config/rules.ts'
import { asLine } from '../compile/problem.ts'
import type { Heard, PodFact, Recipe, ReleaseRef, TrialBench, TrialResult } from '../model.ts'
import { recipeInput } from '../policy/recipe.ts'
import { decideRollout } from '../rollout/decide.ts'
import type { BlockedChange, RolloutAction, RolloutFacts } from '../rollout/facts.ts'
import { withConfigured } from '../rollout/operator-orders.ts'
import { countReports, NOT_PUBLISHED } from '../rollout/reports.ts'
import { releaseFor, sameRelease } from '../rollout/stage.ts'
import type { FetchState, RolloutState } from '../rollout/state.ts'
import type { Contents } from './contents.ts'
import type { Kept } from './kept.ts'
import { RELEASE_PREFIX, type Releases } from './releases.ts'
import type { RolloutStore } from './rollout-store.ts'
import { type BundleShelf, sealOf } from './shelf.ts'
import type { States } from './states.ts'

export interface RolloutLoopOptions {
  readonly store: RolloutStore
  readonly kept: Pick<Kept, 'all'>
  readonly pods: () => Iterable<PodFact>
  readonly heard: (pod: PodFact) => Heard | undefined
  readonly shelf: Pick<BundleShelf, 'publishedFor' | 'isTried' | 'runs'>
  readonly states: Pick<States, 'of'>
  readonly releases: Pick<Releases, 'read'>
  readonly contents: Pick<Contents, 'make'>
  readonly bench: TrialBench
  readonly settings: RolloutSettings
  readonly policy: PolicySettings
  /** `sources.crs.line`. */
  readonly line: string
  readonly blocked: (state: RolloutState) => readonly BlockedChange[]
  /** Whether every Pod has had time to poll since we lead. */
  readonly settled: () => boolean
  readonly triedOne: (result: TrialResult) => void
  readonly passed: (address: string, engine: string) => void
  readonly now: () => number
  readonly log: Log
  readonly tell: (action: RolloutAction) => void
  /** Another state is stored. */
  readonly changed: (before: RolloutState, after: RolloutState) => void
}

export interface RolloutLoop {
  /** One decision. @throws what cannot be stored */
  turn(signal: AbortSignal): Promise<void>
  /** A release was fetched, verified and kept. */
  arrived(release: ReleaseRef, rules: number): void
  fetched(fetch: FetchState): void
}

/** Progress alone is for people who look: now and then is enough. */
const PROGRESS_MS = 20_000

export function createRolloutLoop(options: RolloutLoopOptions): RolloutLoop {
  const { store, shelf, bench, contents, now, log } = options
  const verified: { release: ReleaseRef; rules: number }[] = []
  const trials: ({ release: ReleaseRef } & TrialResult)[] = []
  const trying = new Set<string>()
  let fetch: FetchState | undefined
  let writtenAt = 0
  let looked = false

  /** The generation that the Pod should name by its place in the rollout. */
  const wanted = (pod: PodFact) => {
    const heard = options.heard(pod)
    const published = shelf.publishedFor(pod)
    if (published === undefined || !sameRelease(published.release, releaseFor(pod, store.state())?.release))
      return { generation: NOT_PUBLISHED }
    if (heard !== undefined && heard.engine !== '' && !shelf.isTried(pod, heard, published)) return undefined
    // The same content under an older seal is the same: it is not loaded anew.
    if (heard !== undefined && shelf.runs(pod, heard, published)) return { generation: heard.generation }
    const generation = sealOf(options.states.of(pod.namespace), published)?.generation
    return { generation: generation ?? NOT_PUBLISHED }
  }

  /** Archives that are kept though no state knows of them: it was lost, or never written. */
  const lookForKept = async (signal: AbortSignal) => {
    if (looked) return
    looked = true
    const known = store.state().kept
    for (const { name, data } of options.kept.all()) {
      const { version = '', sha256 = '' } = data
      const release = { version, sha256 }
      if (!name.startsWith(RELEASE_PREFIX) || known.some((one) => sameRelease(one.release, release))) continue
      signal.throwIfAborted()
      try {
        const { catalogue } = await options.releases.read(release)
        verified.push({ release, rules: catalogue.loaded })
      } catch (error) {
        log.warn({ 'sekisho.release': version, err: error }, 'a kept release is not believed')
      }
    }
  }

  const recipeOf = (release: ReleaseRef): Recipe => {
    const { problems: _, ...inputs } = recipeInput(undefined, [], options.policy)
    return { release, ...inputs, at: now() }
  }
  /** The whole trial, on what the platform's defaults make of the release. */
  const tryOut = async (release: ReleaseRef, signal: AbortSignal): Promise<TrialResult> => {
    const { current } = store.state()
    const made = await contents.make(recipeOf(release), 'note')
    if (made.status === 'refused') {
      const detail = made.problems.slice(0, 3).map(asLine).join('; ')
      return {
        verdict: 'refused',
        reason: made.problems[0]?.code ?? 'BadRelease',
        detail,
        engine: bench.engine() ?? '',
        ms: 0,
      }
    }
    const stands =
      current && !sameRelease(current, release)
        ? await contents.make(recipeOf(current), 'note').catch(() => undefined)
        : undefined
    const against = stands?.status === 'compiled' ? stands.content : undefined
    const result = await bench.try(
      { kind: 'release', namespace: '', content: made.content, ...(against && { against }) },
      signal,
    )
    if (result.verdict === 'passed') options.passed(made.content.address, result.engine)
    return result
  }
  const begin = (release: ReleaseRef, signal: AbortSignal) => {
    const key = `${release.version} ${release.sha256}`
    if (trying.has(key) || bench.engine() === undefined) return
    trying.add(key)
    tryOut(release, signal)
      .then((result) => {
        trials.push({ release, ...result })
        options.triedOne(result)
        const { verdict, reason, detail, engine, ms } = result
        log.info(
          {
            'sekisho.release': release.version,
            'sekisho.verdict': verdict,
            'sekisho.reason': reason,
            'sekisho.detail': detail,
            'sekisho.engine': engine,
            'sekisho.trial.ms': ms,
          },
          'release tried',
        )
      })
      .catch((error) => {
        if (!signal.aborted)
          log.warn({ 'sekisho.release': release.version, err: error }, 'the release could not be tried')
      })
      .finally(() => trying.delete(key))
  }

  return {
    arrived: (release, rules) => void verified.push({ release, rules }),
    fetched: (state) => {
      fetch = state
    },
    turn: async (signal) => {
      await lookForKept(signal)
      const orders = withConfigured(store.orders(), options.line)
      const state = store.state()
      const engine = bench.engine()
      const facts: RolloutFacts = {
        verified: [...verified],
        trials: [...trials],
        engine,
        reports: countReports({ pods: options.pods(), heard: options.heard, wanted }, state),
        settled: options.settled(),
        blocked: options.blocked(state),
      }
      const known = { verified: verified.length, trials: trials.length }
      const fetchNow = fetch
      let actions: readonly RolloutAction[] = []
      let after: RolloutState | undefined
      await store.update((stored) => {
        const base = fetchNow === undefined ? stored : { ...stored, fetch: fetchNow }
        const decision = decideRollout(base, orders, options.settings, facts, now())
        actions = decision.actions
        const write = decision.urgent || fetchNow !== undefined || now() - writtenAt > PROGRESS_MS
        after = write ? decision.state : undefined
        return after
      })
      verified.splice(0, known.verified)
      trials.splice(0, known.trials)
      if (fetch === fetchNow) fetch = undefined
      if (after !== undefined) {
        writtenAt = now()
        options.changed(state, after)
      }
      for (const action of actions)
        if (action.do === 'try') begin(action.release, signal)
        else options.tell(action)
    },
  }
}
