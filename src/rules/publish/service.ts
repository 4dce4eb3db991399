/**
 * The publishing part of `sekisho rules`, put together: what every replica holds, and what the one that leads does.
 *
 *     watches ─▶ view, kept ─▶ states, rollout ─▶ shelf ─▶ (update server)            every replica
 *                   │
 *     Lease ─ leads ┴─▶ fetch ─▶ rollout turns ─▶ scheduler ─▶ publisher ─▶ kept      the leader
 *                                    └─▶ status, Events, collector
 */
import { setTimeout as wait } from 'node:timers/promises'
import { WAF_POLICY, type WafPolicy } from '../../api/waf-policy.ts'
import type { ApiClient } from '../../cluster/api-client.ts'
import type { Regarding } from '../../cluster/event.ts'
import { type Lease, type LeaseTimes, startLease } from '../../cluster/lease.ts'
import type { RulesConfig } from '../../config/rules.ts'
import type { Logger } from '../../log.ts'
import type { Heard, PodFact, TrialBench } from '../model.ts'
import type { RolloutAction } from '../rollout/facts.ts'
import { lineFor } from '../rollout/operator-orders.ts'
import { recoverRollout } from '../rollout/recover.ts'
import { sameRelease } from '../rollout/stage.ts'
import { ROLLOUT_CONFIGMAP, type RolloutState } from '../rollout/state.ts'
import { keptDemands, keptIdsDemands } from '../sources/from-config.ts'
import type { Clock, Http, RuleSource } from '../sources/source.ts'
import { blockedChanges, createBlockedShares } from './blocked-share.ts'
import { createCollector } from './collect.ts'
import { createContents } from './contents.ts'
import type { EventReason } from './event-reasons.ts'
import { createEvents } from './events.ts'
import { runFetchLoop } from './fetch-loop.ts'
import { createIdsArchive } from './ids-archive.ts'
import { IDS_ARCHIVE, isIdsPart } from './ids-manifest.ts'
import { createKept } from './kept.ts'
import type { PublishGauges, PublishMetrics } from './metrics.ts'
import { createPacker } from './pack.ts'
import { customRuleCounter, gatherFacts } from './policy-facts.ts'
import { createPublisher, type Told } from './publisher.ts'
import { createRecipes } from './recipes.ts'
import { createReleases } from './releases.ts'
import { createRolloutLoop } from './rollout-loop.ts'
import { createRolloutStore } from './rollout-store.ts'
import { createScheduler } from './scheduler.ts'
import { type BundleShelf, createShelf } from './shelf.ts'
import { type SigningFiles, watchSigning } from './signing-keys.ts'
import { createStates } from './states.ts'
import { createStatusWriter } from './status-writer.ts'
import { createView } from './view.ts'
import { startWatches, type Watches } from './watches.ts'

export interface HeardSource {
  of(uid: string): Heard | undefined
  all(): readonly Heard[]
  onChange(
    listener: (change: { readonly changed: readonly Heard[]; readonly gone: readonly Heard[] }) => void,
  ): () => void
}

export interface ServiceOptions {
  readonly client: ApiClient
  readonly config: RulesConfig
  readonly wafImage: string
  readonly identity: string
  readonly bench: (signing: SigningFiles) => Promise<TrialBench>
  readonly source: (line: string) => RuleSource
  /** Absent where no IDS rules are followed. */
  readonly idsSource?: RuleSource
  readonly http: Http
  readonly clock: Clock
  readonly readFile: (path: string) => Promise<string>
  readonly metrics: () => PublishMetrics
  readonly log: Logger
  readonly signal: AbortSignal
  readonly leaseTimes?: Partial<LeaseTimes>
}

/** IDS rules for the agents: the update server's own words for it. */
export interface IdsRulesServed {
  readonly version: string
  readonly sha256: string
  readonly archive: Uint8Array
  readonly confirmedAt: number
}

export interface PublishService {
  readonly shelf: BundleShelf
  readonly policyOf: (pod: PodFact) => string
  readonly ids: { readonly follows: boolean; current(): IdsRulesServed | undefined }
  readonly watches: Watches
  readonly signing: SigningFiles
  readonly gauges: () => PublishGauges
  readonly problems: () => readonly string[]
  /** Begins to lead where it may. @param intervalSeconds between two polls of a Pod */
  start(heard: HeardSource, intervalSeconds: () => number): void
  /** Ends leading and lets the Lease go. */
  stop(): Promise<void>
}

const TURN_MS = 1_000
const STATUS_MS = 500
const COLLECT_MS = 60_000
const IDS_MEND_MS = 5_000
/** What a watch says together is looked at together. */
const IDS_LOOK_MS = 100
/** Of an interval: a Pod whose poll failed once has polled by then. */
const SETTLED_INTERVALS = 2.5
const breathe = () => new Promise<void>((resolve) => setImmediate(resolve))

export async function createPublishService(options: ServiceOptions): Promise<PublishService> {
  const { client, config, wafImage, identity, clock, log, signal } = options
  const { namespace } = config
  const now = clock.now
  const monotonic = () => performance.now()
  const metrics = () => options.metrics()
  let lease: Lease | undefined
  let leadingSince = Number.POSITIVE_INFINITY
  let heard: HeardSource | undefined
  let interval = () => config.poll.highestSeconds
  /** Everything below is there. */
  let ready = false
  /** Ends what only the leader does. */
  let term: AbortController | undefined

  const leads = () => lease?.leads() ?? false
  const heardOf = (pod: PodFact) => heard?.of(pod.uid)

  const view = createView((changed, what) => {
    if (what === 'status') return status.look(changed)
    if (what === 'pods') void shelf.prepare(changed)
    scheduler.wake(changed, what !== 'pods')
    status.look(changed)
  })
  const kept = createKept({
    client,
    namespace,
    signal,
    forbidden: () => (leads() ? undefined : 'this replica does not lead'),
    changed: (name, ours) => {
      for (const changed of states.reread(name)) {
        // Somebody else wrote or deleted it: what stands there is held against what the namespace says, and made anew.
        if (!ours) scheduler.wake(changed)
        void shelf.prepare(changed)
        status.look(changed)
      }
      // A recipe or an archive that came after what refers to it.
      if (/^sekisho-(recipe|release)-/.test(name)) prepareAll()
      if (name === ROLLOUT_CONFIGMAP) prepareAll()
      if (name === IDS_ARCHIVE || isIdsPart(name)) lookAtIds()
    },
  })
  const states = createStates(kept)
  const rollout = createRolloutStore(kept, () => recoverRollout(states.all(), now()))
  const signing = watchSigning({
    signingDirectory: config.signing.directory,
    tlsDirectory: config.tls.directory,
    onChange: ({ id, keys }) => {
      log.info({ 'sekisho.signing': id, 'sekisho.keys': keys.length }, 'signing keys loaded')
      if (ready) void keysChanged()
    },
    onProblem: (problem) => log.error({ 'error.message': problem }, 'signing keys cannot be read'),
  })
  const releases = createReleases({
    kept,
    demands: keptDemands(config.sources, options),
    signing: () => signing.current,
    now,
    breathe,
  })
  const contents = createContents({ release: releases.read, breathe })
  const recipes = createRecipes(kept)
  const ids =
    options.idsSource &&
    createIdsArchive({
      kept,
      demands: keptIdsDemands(config.sources, options),
      signing: () => signing.current,
      now,
      log,
    })
  const shelf: BundleShelf = createShelf({
    view,
    states,
    rollout: rollout.state,
    contents,
    recipes,
    packer: createPacker(),
    signing: () => signing.current,
    wafImage,
    log,
    now,
  })
  const bench = await options.bench(signing)
  const events = createEvents({
    client,
    instance: identity,
    signal,
    now,
    log,
    dropped: () => metrics().eventDropped(),
  })

  let lookingAtIds: NodeJS.Timeout | undefined
  const lookAtIds = () => {
    lookingAtIds ??= setTimeout(() => {
      lookingAtIds = undefined
      void ids?.look()
    }, IDS_LOOK_MS)
  }
  let preparing: NodeJS.Timeout | undefined
  const prepareAll = () => {
    preparing ??= setTimeout(() => {
      preparing = undefined
      for (const one of view.namespaces()) void shelf.prepare(one)
    }, 100)
  }
  const wakeAll = () => {
    for (const one of view.namespaces()) scheduler.wake(one)
  }
  const keysChanged = async () => {
    prepareAll()
    lookAtIds()
    if (!leads()) return
    wakeAll()
    try {
      await ids?.attestAgain()
      await releases.attestAgain(rollout.state().kept.map(({ release }) => release))
    } catch (error) {
      log.warn({ err: error }, 'kept releases could not be signed with the new key')
    }
  }

  const regardingPolicy = (one: Pick<WafPolicy, 'namespace' | 'name' | 'uid'>): Regarding => {
    const { group, version, kind } = WAF_POLICY
    return { apiVersion: `${group}/${version}`, kind, namespace: one.namespace, name: one.name, uid: one.uid }
  }
  const regarding = ({ namespace: where, policy }: Told): Regarding => {
    const one = policy === '' ? undefined : view.policiesOf(where).find(({ name }) => name === policy)
    return one === undefined
      ? { apiVersion: 'v1', kind: 'ConfigMap', namespace: where, name: 'sekisho-rules' }
      : regardingPolicy(one)
  }
  const regardingRollout = (): Regarding => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    namespace,
    name: ROLLOUT_CONFIGMAP,
    ...(kept.get(ROLLOUT_CONFIGMAP) && { uid: kept.get(ROLLOUT_CONFIGMAP)!.uid }),
  })
  const publisher = createPublisher({
    view,
    states,
    rollout: rollout.state,
    contents,
    recipes,
    bench,
    signing: () => signing.current,
    settings: config.policy,
    now,
    log,
    triedOne: (kind, { verdict, ms }) => metrics().tried(kind, verdict, ms / 1000),
    published: () => metrics().published(),
    tell: (told) => {
      if (told.what === 'Refused' || told.what === 'Held') metrics().refused(told.reason)
      // Without a policy and without rules nobody wrote anything that could be accepted.
      if (told.what === 'Accepted' && told.policy === '' && view.rulesOf(told.namespace).length === 0) return
      events.write(told.what, regarding(told), told.detail)
    },
  })
  const scheduler = createScheduler({
    settle: async (where, abort) => {
      const settled = await publisher.settle(where, abort)
      status.look(where)
      return settled
    },
    now,
    after: (ms, call) => {
      const timer = setTimeout(call, ms).unref()
      return () => clearTimeout(timer)
    },
    log,
    failed: () => metrics().fault('namespace'),
  })
  const countRules = customRuleCounter(recipes)
  const status = createStatusWriter({
    client,
    policiesOf: (where) => [...view.policiesOf(where), ...view.beyond(where)],
    factsOf: (policy) =>
      gatherFacts(
        policy,
        {
          view,
          states,
          shelf,
          heard: (uid) => heard?.of(uid),
          recipes,
          settings: config.policy,
          lookedAt: publisher.lookedAt,
          now,
        },
        countRules,
      ),
    leads,
    now,
    log,
    enforced: (policy, message) => events.write('Enforced', regardingPolicy(policy), message),
    failed: () => metrics().fault('status'),
  })
  const blocked = createBlockedShares()
  const loop = createRolloutLoop({
    store: rollout,
    kept,
    pods: view.pods.all,
    heard: heardOf,
    shelf,
    states,
    releases,
    contents,
    bench,
    settings: config.rollout,
    policy: config.policy,
    line: config.sources.crs.line,
    blocked: (state) => blockedChanges(blocked, view.pods.all(), heardOf, state),
    settled: () => now() - leadingSince > SETTLED_INTERVALS * 1000 * interval(),
    triedOne: ({ verdict, ms }) => metrics().tried('release', verdict, ms / 1000),
    passed: publisher.passed,
    now,
    log,
    tell: (action) => tellRollout(action),
    changed: (before, after) => rolloutChanged(before, after),
  })
  const tellRollout = ({ do: what, reason, detail, release }: RolloutAction) => {
    const event = ROLLOUT_EVENTS[what]
    if (event !== undefined) events.write(event, regardingRollout(), `${release.version}: ${reason}: ${detail}`)
  }
  const rolloutChanged = (before: RolloutState, after: RolloutState) => {
    const same =
      sameRelease(before.current ?? undefined, after.current) &&
      (before.next === after.next || sameRelease(before.next?.release, after.next?.release)) &&
      before.sealAfter === after.sealAfter &&
      before.next?.sealAfter === after.next?.sealAfter &&
      before.setAside.length === after.setAside.length
    if (!same) wakeAll()
  }

  const every = async (ms: number, abort: AbortSignal, what: () => Promise<unknown>, failed: () => void) => {
    while (!abort.aborted) {
      await wait(ms, undefined, { signal: abort, ref: false }).catch(() => {})
      if (abort.aborted) return
      try {
        await what()
      } catch (error) {
        if (abort.aborted) return
        failed()
        log.warn({ err: error }, 'a turn of the leader failed; it is taken again')
        await wait(ms, undefined, { signal: abort, ref: false }).catch(() => {})
      }
    }
  }
  const collector = createCollector({
    kept,
    states,
    rollout: rollout.state,
    inUse: view.namespaces,
    now,
  })
  const local = config.sources.crs.from === 'directory' || config.sources.crs.from === 'configmap'
  const begin = () => {
    term = new AbortController()
    const abort = AbortSignal.any([term.signal, signal])
    leadingSince = now()
    collector.forget()
    scheduler.start()
    wakeAll()
    for (const one of view.namespaces()) status.look(one)
    void every(
      TURN_MS,
      abort,
      () => loop.turn(abort),
      () => metrics().fault('rollout'),
    )
    void every(
      STATUS_MS,
      abort,
      () => status.round(abort),
      () => metrics().fault('status'),
    )
    void every(
      COLLECT_MS,
      abort,
      () => collector.round(),
      () => metrics().fault('collect'),
    )
    beginIds(abort)
    void runFetchLoop(
      {
        source: options.source,
        line: () => lineFor(rollout.orders(), config.sources.crs.line),
        http: options.http,
        clock,
        everyMs: config.sources.everyMinutes * 60_000,
        random: Math.random,
        local,
        known: () => {
          const { fetch, kept: releases } = rollout.state()
          const known = fetch?.known
          if (known === undefined || !releases.some(({ release }) => sameRelease(release, known))) return undefined
          const { etag, ...rest } = known
          return etag === undefined ? rest : { ...rest, etag }
        },
        last: () => rollout.state().fetch,
        keep: ({ release }) => releases.keep(release),
        arrived: loop.arrived,
        told: (fetch, refused) => {
          metrics().fetched(fetch.lastStatus, fetch.lastReason)
          loop.fetched(fetch)
          if (refused) events.write('FetchRefused', regardingRollout(), `${fetch.lastReason}: ${fetch.lastDetail}`)
        },
        log,
      },
      abort,
    )
  }
  /** The same for IDS rules; where none are followed any more, what is kept of them goes. */
  const beginIds = (abort: AbortSignal) => {
    const { idsSource } = options
    if (ids === undefined || idsSource === undefined) {
      const left = () => kept.all().filter(({ name }) => name === IDS_ARCHIVE || isIdsPart(name))
      const clear = async () => {
        for (const { name } of left()) await kept.delete(name)
      }
      void every(COLLECT_MS, abort, clear, () => metrics().fault('ids'))
      return
    }
    void every(IDS_MEND_MS, abort, ids.mend, () => metrics().fault('ids'))
    const { from } = config.sources.ids
    void runFetchLoop(
      {
        source: () => idsSource,
        line: () => 'ids',
        http: options.http,
        clock,
        everyMs: config.sources.everyMinutes * 60_000,
        random: Math.random,
        local: from === 'directory' || from === 'configmap',
        known: ids.known,
        last: ids.fetch,
        keep: ({ release }) => ids.keep(release),
        arrived: () => {},
        told: (fetch, refused) => {
          metrics().idsFetched(fetch.lastStatus, fetch.lastReason)
          void ids.tell(fetch).catch((error) => {
            if (abort.aborted) return
            metrics().fault('ids')
            log.warn({ err: error }, 'what the source of IDS rules said could not be written down')
          })
          if (!refused) return
          const about = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: IDS_ARCHIVE }
          const { uid } = kept.get(IDS_ARCHIVE) ?? {}
          events.write(
            'FetchRefused',
            { ...about, ...(uid !== undefined && { uid }) },
            `${fetch.lastReason}: ${fetch.lastDetail}`,
          )
        },
        log,
      },
      abort,
    )
  }
  const end = () => {
    term?.abort(new Error('not leading any more'))
    term = undefined
    leadingSince = Number.POSITIVE_INFINITY
    scheduler.stop()
  }
  ready = true
  const watches = startWatches({ client, namespace, port: config.listen.port, wafImage, view, kept, signal, log })

  return {
    shelf,
    policyOf: view.policyOf,
    ids: {
      follows: ids !== undefined,
      current: () => {
        const one = ids?.current()
        if (one === undefined) return undefined
        const { version, sha256, archive, fetchedAt } = one
        const last = ids?.fetch()
        // Where the newest was refused, the word for these is that of then.
        return { version, sha256, archive, confirmedAt: last?.lastGoodAt || fetchedAt }
      },
    },
    watches,
    signing,
    problems: () => [...states.problems(), ...rollout.problems()],
    gauges: () => {
      const { current, next, fetch } = rollout.state()
      const targets = { published: 0, trying: 0, refused: 0, held: 0, none: 0 }
      for (const state of states.all()) for (const { newest } of state.targets) targets[newest?.outcome ?? 'none']++
      return {
        leads: leads(),
        targets,
        share: next?.share ?? 100,
        stage: next === null ? 0 : next.stage + 1,
        halted: next?.halted !== undefined,
        releases: { current: current?.version, next: next?.release.version },
        lastGoodSeconds: Math.floor((fetch?.lastGoodAt ?? 0) / 1000),
        ids: {
          version: ids?.current()?.version,
          lastGoodSeconds: Math.floor((ids?.fetch()?.lastGoodAt ?? 0) / 1000),
        },
        problems: states.problems().length + rollout.problems().length,
        busy: scheduler.busy,
      }
    },
    start: (source, intervalSeconds) => {
      heard = source
      interval = intervalSeconds
      source.onChange(({ changed, gone }) => {
        for (const one of [...changed, ...gone]) status.look(one.namespace)
        if (!leads()) return
        for (const one of changed) {
          const pod = shelf.pod(one.namespace, one.name, one.uid)
          const behind = pod && shelf.behind(pod, one)
          if (behind === undefined) continue
          publisher.raise(behind)
          scheduler.wake(behind.namespace)
        }
      })
      // Whoever leads before it has seen everything would take Pods and policies for gone.
      const seen = async () => {
        while (!signal.aborted && (watches.unfilled().length > 0 || signing.current === undefined))
          await wait(50, undefined, { signal, ref: false }).catch(() => {})
        if (signal.aborted) return
        prepareAll()
        lease = startLease({
          client,
          namespace,
          name: 'sekisho-rules',
          identity,
          signal,
          log,
          monotonic,
          now,
          sleep: (ms, abort) => wait(ms, undefined, { signal: abort, ref: false }),
          changed: (leading) => (leading ? begin() : end()),
          ...(options.leaseTimes && { times: options.leaseTimes }),
        })
      }
      void seen()
    },
    stop: async () => {
      end()
      clearTimeout(preparing)
      clearTimeout(lookingAtIds)
      signing.close()
      await lease?.release()
    },
  }
}

const ROLLOUT_EVENTS: Readonly<Record<RolloutAction['do'], EventReason | undefined>> = {
  try: undefined,
  adopt: 'ReleaseAdopted',
  begin: 'StageBegun',
  stage: 'StageBegun',
  finish: 'ReleaseAdopted',
  halt: 'Halted',
  resume: 'Resumed',
  setAside: 'NamespaceSetAside',
  rollback: 'RolledBack',
  drop: 'ReleaseDropped',
  hold: 'ReleaseHeld',
  release: 'ReleaseFreed',
  obey: 'OrderHandled',
}
