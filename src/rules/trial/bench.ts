/**
 * The bench: candidates wait in turns, one is tried at a time, equal ones share a trial, and what was found out is remembered. While the container
 * is not there, or its volume is full, candidates wait and `state()` says why; no verdict is made up.
 */
import type { RulesConfig } from '../../config/rules.ts'
import type { TrialBench, TrialRequest, TrialResult } from '../model.ts'
import { type Clock, systemClock } from '../sources/source.ts'
import type { Corpus } from './corpus.ts'
import { FairQueue, type Waiting as Place, sameLane } from './fair-queue.ts'
import { BenchLost, type MeasureContext, type Measured, OutOfTime } from './measure.ts'
import { OUTCOMES, type Verdict, type Waiting } from './outcomes.ts'
import { Remembered } from './remembered.ts'
import { type Judged, trial } from './trial.ts'
import { startUpstream } from './upstream.ts'
import { BenchTrouble, hasReader, readStatus } from './volume.ts'

export interface BenchOptions extends Pick<MeasureContext, 'hash' | 'signer'> {
  readonly settings: RulesConfig['bench']
  readonly corpus: Corpus
  /** @default the system's */
  readonly clock?: Clock
}
export interface BenchState {
  readonly engine: string | undefined
  readonly waiting: number
  /** Why nothing is tried at the moment although something waits. */
  readonly trouble: { readonly reason: Waiting; readonly detail: string } | undefined
}
export interface Bench extends TrialBench {
  state(): BenchState
}

/** Waiting candidates of one namespace: as many as it can have policies in earnest. */
const MOST_PER_NAMESPACE = 20
const MOST_RESULTS = 1000
const MOST_MEASURED = 50
const WATCH_MS = 1000
const LONGEST_PAUSE_MS = 15_000
/** The second time is no chance; a third is for a node that is being drained. */
const LIVES = 3
/** How long a verdict holds that need not lie in the content. */
const AGAIN_MS = 30 * 60_000

interface Claim {
  readonly place: Place<Claim>
  readonly job: Job
  done(result: TrialResult): void
}
interface Job {
  readonly key: string
  readonly request: TrialRequest
  readonly claims: Set<Claim>
  /** Aborted once nobody waits for it. */
  readonly abort: AbortController
  lost: number
  late: number
  shaky: number
  begun: number
  /** It was last tried on. */
  engine: string
}

/** Starts with the first process that has the corpus' port. Ends with `signal`. @throws if the upstream's port is taken */
export async function startBench(options: BenchOptions, signal: AbortSignal): Promise<Bench> {
  const { settings, clock = systemClock } = options
  const upstream = await startUpstream(settings.upstreamPort)
  signal.addEventListener('abort', () => upstream.close(), { once: true })
  let sequence = 0
  const bench = new Worker(
    {
      ...options,
      upstream,
      clock,
      sequence: (seen) => (sequence = Math.max(sequence, seen, Math.floor(clock.now() / 1000) - 1) + 1),
    },
    options.corpus,
    signal,
  )
  await bench.look()
  bench.run()
  return bench
}

class Worker implements Bench {
  readonly #context: MeasureContext
  readonly #corpus: Corpus
  readonly #signal: AbortSignal
  readonly #queue = new FairQueue<Claim>(MOST_PER_NAMESPACE)
  readonly #jobs = new Map<string, Job>()
  readonly #results: Remembered<TrialResult>
  readonly #known: Remembered<Measured>
  #engine: string | undefined
  #trouble: BenchState['trouble']
  #wake = () => {}

  constructor(context: MeasureContext, corpus: Corpus, signal: AbortSignal) {
    this.#context = context
    this.#corpus = corpus
    this.#signal = signal
    this.#results = new Remembered(MOST_RESULTS, context.clock.now)
    this.#known = new Remembered(MOST_MEASURED, context.clock.now)
  }

  engine(): string | undefined {
    return this.#engine
  }

  state(): BenchState {
    return { engine: this.#engine, waiting: this.#jobs.size, trouble: this.#jobs.size > 0 ? this.#trouble : undefined }
  }

  try(request: TrialRequest, signal: AbortSignal): Promise<TrialResult> {
    const key = `${request.kind} ${request.content.address} ${request.against?.address ?? '-'}`
    const known = this.#engine === undefined ? undefined : this.#results.get(`${this.#engine} ${key}`)
    if (known) return Promise.resolve(known)
    const both = AbortSignal.any([signal, this.#signal])
    if (both.aborted) return Promise.reject(both.reason)
    return new Promise((done, failed) => {
      const job = this.#jobs.get(key) ?? this.#newJob(key, request)
      const leave = () => {
        this.#forget(claim)
        failed(both.reason)
      }
      const claim: Claim = {
        job,
        place: {
          namespace: request.namespace,
          policy: request.policy ?? '',
          kind: request.kind,
          get item() {
            return claim
          },
        },
        done: (result) => {
          both.removeEventListener('abort', leave)
          done(result)
        },
      }
      both.addEventListener('abort', leave, { once: true })
      job.claims.add(claim)
      if (job.begun === 0) this.#enqueue(claim, 'newest')
      this.#wake()
    })
  }

  #newJob(key: string, request: TrialRequest): Job {
    const job: Job = {
      key,
      request,
      claims: new Set(),
      abort: new AbortController(),
      lost: 0,
      late: 0,
      shaky: 0,
      begun: 0,
      engine: '',
    }
    this.#jobs.set(key, job)
    return job
  }

  /** Claims of one job in one lane have one place in the queue. */
  #enqueue(claim: Claim, how: 'newest' | 'back'): void {
    const there = this.#queue.at(claim.place)
    if (there?.job === claim.job) return
    if (there && how === 'back') this.#supersede(claim)
    else for (const gone of this.#queue.add(claim.place)) this.#supersede(gone)
  }

  /** Once nobody waits for a job it is not tried, or no further. */
  #forget(claim: Claim): void {
    const { job } = claim
    job.claims.delete(claim)
    this.#queue.remove((one) => one === claim)
    if (job.claims.size === 0) {
      this.#jobs.delete(job.key)
      job.abort.abort(new Error('nobody waits for this trial any more'))
    } else if (job.begun === 0) this.#putBack(job)
  }

  /** With those of the same lane that wait for the same. */
  #supersede(claim: Claim): void {
    const gone = [...claim.job.claims].filter((one) => sameLane(one.place, claim.place))
    for (const one of gone) {
      // First, so that none of them takes the place again.
      one.job.claims.delete(one)
      one.done(this.#result('Superseded', 'a newer candidate came', this.#engine ?? '', 0))
    }
    this.#forget(claim)
  }

  #result(reason: Verdict, detail: string, engine: string, ms: number): TrialResult {
    return { verdict: OUTCOMES[reason].verdict, reason, detail, engine, ms }
  }

  #settle(job: Job, judged: Omit<Judged, 'shaky'>, again: boolean): void {
    const ms = Math.round(this.#context.clock.now() - job.begun)
    const result = this.#result(judged.reason, judged.detail, job.engine, ms)
    this.#results.set(`${result.engine} ${job.key}`, result, again ? AGAIN_MS : undefined)
    this.#jobs.delete(job.key)
    this.#queue.remove((claim) => claim.job === job)
    for (const claim of job.claims) claim.done(result)
  }

  /** Looks whether the container is there, and which engine it has. */
  async look(): Promise<void> {
    const { directory } = this.#context.settings
    const status = (await hasReader(directory)) ? await readStatus(directory) : undefined
    const engine = status?.engine || undefined
    if (engine !== undefined && this.#engine === undefined) this.#wake()
    this.#engine = engine
  }

  run(): void {
    const until = async (what: () => Promise<void>) => {
      try {
        while (!this.#signal.aborted) await what()
      } catch (error) {
        if (!this.#signal.aborted) throw error
      }
    }
    const { clock } = this.#context
    void until(async () => {
      await clock.sleep(WATCH_MS, this.#signal)
      await this.look()
    })
    let troubles = 0
    void until(async () => {
      const job = await this.#next()
      if (job === undefined) return
      const trouble = await this.#attempt(job)
      if (trouble === undefined) {
        troubles = 0
        this.#trouble = undefined
        return
      }
      this.#trouble = { reason: trouble.reason, detail: trouble.message }
      this.#putBack(job)
      await clock.sleep(Math.min(500 * 2 ** troubles++, LONGEST_PAUSE_MS), this.#signal)
    })
  }

  /** The next to be tried, once the bench is there. */
  async #next(): Promise<Job | undefined> {
    if (this.#engine !== undefined) {
      const place = this.#queue.next()
      if (place) {
        const { job } = place.item
        // The turns of others that wait for the same are left to others.
        this.#queue.remove((claim) => claim.job === job)
        return job
      }
    } else if (this.#queue.size > 0)
      this.#trouble = {
        reason: 'BenchMissing',
        detail: `nobody reads ${this.#context.settings.directory}/reload.fifo, or status.json is not there`,
      }
    await new Promise<void>((wake) => {
      const over = () => {
        this.#signal.removeEventListener('abort', over)
        this.#wake = () => {}
        wake()
      }
      this.#wake = over
      this.#signal.addEventListener('abort', over, { once: true })
    })
    return undefined
  }

  #putBack(job: Job): void {
    job.begun = 0
    for (const claim of [...job.claims]) if (job.claims.has(claim)) this.#enqueue(claim, 'back')
  }

  /** @returns why there is no verdict yet; undefined where there is one, or nobody waits for it any more */
  async #attempt(job: Job): Promise<BenchTrouble | undefined> {
    const { clock, settings } = this.#context
    job.begun ||= clock.now()
    const late = new AbortController()
    const over = new AbortController()
    const limit = AbortSignal.any([over.signal, this.#signal])
    clock.sleep(settings.timeoutSeconds * 1000, limit).then(
      () => late.abort(new OutOfTime(`not over after ${settings.timeoutSeconds} s`)),
      () => {},
    )
    const signal = AbortSignal.any([late.signal, job.abort.signal, this.#signal])
    const engine = this.#engine ?? job.engine
    job.engine = engine
    try {
      const judged = await trial(
        job.request,
        { ...this.#context, corpus: this.#corpus, known: this.#known, engine },
        signal,
      )
      if (judged.shaky && ++job.shaky < 2) return new BenchTrouble('TryingAgain', judged.detail)
      this.#settle(job, judged, judged.shaky || OUTCOMES[judged.reason].again)
      return undefined
    } catch (error) {
      if (this.#signal.aborted || job.abort.signal.aborted) return undefined
      return this.#judgeTrouble(job, error)
    } finally {
      over.abort()
    }
  }

  #judgeTrouble(job: Job, error: unknown): BenchTrouble | undefined {
    const outOfTime = late(error)
    const { message } = outOfTime ?? (error as Error)
    if (outOfTime) {
      if (++job.late < 2) return new BenchTrouble('TryingAgain', message)
      this.#settle(job, { reason: 'TimedOut', detail: message }, true)
      return undefined
    }
    if (error instanceof BenchLost) {
      if (++job.lost < LIVES) return error
      this.#settle(job, { reason: 'EngineDied', detail: `${message}, ${job.lost} times` }, true)
      return undefined
    }
    if (error instanceof BenchTrouble) return error
    // A mistake of ours is no verdict either; the state shows it.
    return new BenchTrouble('TryingAgain', message, { cause: error })
  }
}
/** A sleep that was ended carries the reason as its cause. */
const late = (error: unknown): OutOfTime | undefined =>
  [error, (error as Error).cause].find((one): one is OutOfTime => one instanceof OutOfTime)
