/**
 * The rules of one node's IDS, from the settings on: a source that is asked now and then, ConfigMaps that are watched, and the pipeline that takes
 * what comes into use. Its `state()` is what the readiness of the agent rests on.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { IDS_RULES_LABEL_VALUE, LABEL } from '../../api/names.ts'
import type { ApiClient } from '../../cluster/api-client.ts'
import { LONGEST_NOTE } from '../../cluster/event.ts'
import type { Log } from '../../cluster/log.ts'
import { safeText } from '../../cluster/safe-text.ts'
import { createStore } from '../../cluster/store.ts'
import { startWatch } from '../../cluster/watch.ts'
import type { IdsConfig } from '../../config/ids.ts'
import { firstFetch, nextFetch } from '../../rules/sources/schedule.ts'
import { type Clock, type Http, type Known, systemClock } from '../../rules/sources/source.ts'
import { archiveSource } from './archive-source.ts'
import { type RunChild, runChild } from './child.ts'
import { writeDurable } from './durable.ts'
import type { TellEvent } from './events.ts'
import { createMemoryFile } from './memory.ts'
import { type ConfigMapFiles, createOwnFiles } from './own-files.ts'
import { createPipeline, type KeptArchive, type PipelineLimits } from './pipeline.ts'
import { type AgentSource, serviceSource } from './service-source.ts'
import { createSetShelf } from './set-shelf.ts'
import type { IdsRulesState, JudgeFiles, RuleEngine } from './state.ts'

export interface AgentRulesOptions {
  readonly config: Pick<IdsConfig, 'runDirectory' | 'stateDirectory' | 'namespace' | 'rules'>
  readonly engine: RuleEngine
  readonly judge: JudgeFiles
  /** Absent: no ConfigMaps, and no `sekisho rules`. */
  readonly client: ApiClient | undefined
  readonly tell: TellEvent
  readonly log: Log
  readonly signal: AbortSignal
  readonly userAgent: string
  readonly clock?: Clock
  readonly elapsed?: () => number
  readonly random?: () => number
  readonly run?: RunChild
  readonly programs?: Partial<{ suricata: string; suricataUpdate: string; suricataYaml: string }>
  readonly limits?: Partial<
    PipelineLimits & {
      readonly tickMs: number
      readonly firstFetchMs: number
      readonly everyMs: number
      readonly lookMs: number
    }
  >
}

export interface AgentRules {
  state(): IdsRulesState
  /** Resolves when the signal aborts. Never rejects. */
  readonly done: Promise<void>
}

const ARCHIVE = /^archive-([0-9a-f]{64})\.tar\.gz$/
/** An archive whose writing was cut off. */
const CUT_OFF = /^\.archive-.*\.new$/
/** After a fault of ours that ended the asking. */
const FAULT_WAIT_MS = 60_000
const MOST_DATA = 1024 * 1024

const projectMap = (raw: { metadata: { name: string }; data?: Record<string, string> }): ConfigMapFiles | null => {
  const data = raw.data ?? {}
  const bytes = Object.values(data).reduce((sum, text) => sum + text.length, 0)
  return bytes > MOST_DATA ? null : { name: raw.metadata.name, data }
}

/** Begins at once. */
export const startAgentRules = async (options: AgentRulesOptions): Promise<AgentRules> => {
  const { config, engine, judge, client, log, signal, clock = systemClock, random = Math.random } = options
  const { rules: settings, runDirectory, stateDirectory, namespace } = config
  const elapsed = options.elapsed ?? (() => performance.now())
  const {
    tickMs = 2000,
    firstFetchMs,
    everyMs = settings.everyMinutes * 60_000,
    lookMs = 30_000,
    ...limits
  } = options.limits ?? {}
  const tell: TellEvent = (reason, note) => {
    log.info({ 'sekisho.reason': reason, 'sekisho.detail': safeText(note, LONGEST_NOTE) }, 'told')
    options.tell(reason, note)
  }
  await mkdir(stateDirectory, { recursive: true })
  const memoryFile = createMemoryFile(stateDirectory)
  const { memory, lost } = await memoryFile.read()
  if (lost !== '') log.warn({ 'sekisho.detail': lost }, 'what was remembered of the rules cannot be read; begun anew')
  // On the clock that only rises. A time that is still to come was written by a clock that was wrong, then or now: it says nothing.
  const since = clock.now() - (memory.confirmedAt ?? Number.POSITIVE_INFINITY)
  let confirmedAt = elapsed() - Math.max(0, since)
  /** What is remembered of it outlives the process: as the node's clock has it. */
  const confirmed = (at: number | undefined): { confirmedAt?: number } => {
    if (at === undefined) return {}
    confirmedAt = Math.max(confirmedAt, at)
    return { confirmedAt: Math.max(0, clock.now() - (elapsed() - confirmedAt)) }
  }
  const own = createOwnFiles(judge, memory.own)
  const pipeline = createPipeline({
    runDirectory,
    stateDirectory,
    minimumRules: settings.minimumRules,
    shrinkPercent: settings.shrinkPercent,
    allow: settings.allow,
    programs: {
      suricata: '/usr/bin/suricata',
      suricataUpdate: '/usr/bin/suricata-update',
      suricataYaml: '/etc/suricata/suricata.yaml',
      ...options.programs,
    },
    engine,
    shelf: createSetShelf(runDirectory),
    memoryFile,
    memory,
    own,
    run: options.run ?? runChild,
    tell,
    log,
    now: clock.now,
    elapsed,
    sleep: clock.sleep,
    signal,
    limits,
  })

  const fileOf = (sha256: string) => join(stateDirectory, `archive-${sha256}.tar.gz`)
  const kept = async (known: Known | undefined): Promise<KeptArchive | undefined> => {
    if (!known) return undefined
    const bytes = await readFile(fileOf(known.sha256)).catch(() => undefined)
    const whole = bytes && createHash('sha256').update(bytes).digest('hex') === known.sha256
    return whole ? { file: fileOf(known.sha256), sha256: known.sha256 } : undefined
  }
  const remembered = () => pipeline.memory().known as Known | undefined
  let archive = settings.from === 'none' ? undefined : await kept(remembered())
  // A 304 would hide an archive that is gone.
  if (memory.known && !archive) await pipeline.remember({ known: undefined as never }).catch(() => {})
  let offered: { archive: KeptArchive; known: Known; confirmedAt: number | undefined } | undefined
  let measured = settings.from !== 'none'
  let wake = Promise.withResolvers<void>()
  let dirty = true
  const changed = () => {
    dirty = true
    wake.resolve()
  }
  const tidy = async () => {
    for (const name of await readdir(stateDirectory).catch(() => [])) {
      const sha256 = ARCHIVE.exec(name)?.[1]
      if (sha256 !== undefined && sha256 !== archive?.sha256 && sha256 !== offered?.archive.sha256)
        await rm(join(stateDirectory, name), { force: true }).catch(() => {})
    }
  }

  /** What came is tried; where it is refused, what is in use is made anew with the files of now. */
  const use = async (): Promise<boolean> => {
    if (offered) {
      const one = offered
      const outcome = await pipeline.adopt(one.archive)
      if (outcome.status === 'waiting') return false
      if (outcome.status === 'in-use') {
        archive = one.archive
        if (offered === one) offered = undefined
        await pipeline
          .remember({ known: one.known, ...confirmed(one.confirmedAt) })
          .catch((error) => log.warn({ err: error }, 'what rules are in use could not be written down'))
        await tidy()
        return true
      }
    }
    // A set whose archive is not here, or of which nobody remembers what it was made of, is better than one without any archive.
    const { good } = pipeline.memory()
    const ofArchive = good && (good.archive !== '' || good.inputs === '')
    if (archive === undefined && settings.from !== 'none' && ofArchive) return true
    return (await pipeline.adopt(archive)).status !== 'waiting'
  }

  const store = createStore<ConfigMapFiles>(changed)
  const watch = client
    ? startWatch<ConfigMapFiles>({
        client,
        name: 'configmaps with IDS rules',
        path: `/api/v1/namespaces/${namespace}/configmaps`,
        query: { labelSelector: `${LABEL.rules}=${IDS_RULES_LABEL_VALUE}` },
        project: projectMap as (raw: never) => ConfigMapFiles | null,
        store,
        signal,
        log,
        now: clock.now,
        random,
        sleep: clock.sleep,
      })
    : undefined
  let listed = false

  const worker = async (): Promise<void> => {
    let lookedAt = Number.NEGATIVE_INFINITY
    while (!signal.aborted) {
      wake = Promise.withResolvers()
      try {
        await pipeline.settle()
        // Until the cluster was heard, the files that were good last are what counts.
        if (watch && !listed && watch.doubt() === undefined) {
          listed = true
          dirty = true
        }
        if (dirty || elapsed() - lookedAt > lookMs) {
          const heard = dirty
          dirty = false
          if (heard && listed)
            for (const problem of own.take(store.all())) tell('RulesRefused', `FileRefused: ${problem}`)
          if (await use()) lookedAt = elapsed()
          else dirty = dirty || heard
        }
      } catch (error) {
        if (signal.aborted) return
        log.warn({ err: error }, 'the rules could not be looked after')
      }
      await Promise.race([wake.promise, clock.sleep(tickMs, signal).catch(() => {})])
    }
  }

  /** For the archive alone: the service is asked in a way that needs less. */
  const httpOf = async (): Promise<(Http & { close(): Promise<void> }) | undefined> => {
    if (settings.from !== 'archive') return undefined
    const { createHttp } = await import('../../rules/sources/http.ts')
    const { caFile } = settings.archive
    const ca = caFile === '' ? {} : { ca: await readFile(caFile, 'utf8') }
    return createHttp({ env: process.env, userAgent: options.userAgent, timeoutMs: 120_000, ...ca })
  }
  const noHttp: Http = { get: () => Promise.reject(new Error('the service is asked by its own way')) }
  const fetcher = async (source: AgentSource): Promise<void> => {
    while (!signal.aborted)
      try {
        await ask(source)
      } catch (error) {
        if (signal.aborted) return
        log.warn({ err: error }, 'the source could not be asked')
        tell('SourceRefused', `Fault: the source cannot be asked: ${(error as Error).message}`)
        await clock.sleep(FAULT_WAIT_MS, signal).catch(() => {})
      }
  }
  const ask = async (source: AgentSource): Promise<void> => {
    const http = await httpOf()
    let failures = 0
    let waitMs = firstFetchMs ?? firstFetch(random())
    try {
      while (!signal.aborted) {
        await clock.sleep(waitMs, signal)
        const known = offered?.known ?? remembered()
        const asked = await source.ask({ known, signal, clock, http: http ?? noHttp })
        const ago = source.confirmedMsAgo()
        const at = ago === undefined ? undefined : elapsed() - ago
        failures = asked.status === 'refused' ? failures + 1 : 0
        if (asked.status === 'none') {
          measured = false
          log.info({ 'sekisho.detail': asked.detail }, 'no rules to follow')
          waitMs = everyMs * (0.9 + 0.2 * random())
        } else {
          measured = true
          waitMs = nextFetch(asked, { everyMs, failures, random: random(), nothingYet: known === undefined })
          if (asked.status === 'refused') tell('SourceRefused', `${asked.reason}: ${asked.detail}`)
          else if (asked.status === 'new' && asked.release.archive) {
            const { sha256 } = asked.known
            try {
              await writeDurable(fileOf(sha256), asked.release.archive.bytes)
              offered = { archive: { file: fileOf(sha256), sha256 }, known: asked.known, confirmedAt: at }
              await tidy()
              changed()
            } catch (error) {
              tell('RulesRefused', `PlaceFailed: the archive could not be written: ${(error as Error).message}.`)
              waitMs = Math.min(waitMs, 60_000)
            }
          } else if (!offered)
            await pipeline
              .remember({ ...confirmed(at), ...(asked.status === 'unchanged' && { known: asked.known }) })
              .catch((error) => log.warn({ err: error }, 'what the source confirmed could not be written down'))
        }
        waitMs = Math.max(waitMs, source.leastWaitMs())
      }
    } finally {
      await http?.close().catch(() => {})
    }
  }
  const source =
    settings.from === 'service'
      ? serviceSource(settings.service, client)
      : settings.from === 'archive'
        ? archiveSource(settings.archive)
        : undefined
  for (const name of await readdir(stateDirectory))
    if (CUT_OFF.test(name)) await rm(join(stateDirectory, name), { force: true }).catch(() => {})
  await tidy()
  const done = Promise.all([worker(), source && fetcher(source), watch?.done]).then(() => {})
  return {
    done,
    state: () => ({
      ...pipeline.facts(),
      measured,
      confirmedAt,
    }),
  }
}
