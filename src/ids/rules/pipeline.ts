/**
 * From an archive and the files of ConfigMaps to rules that Suricata was seen to run. One thing at a time:
 *
 *   inputs ─▶ one file (suricata-update) ─▶ counted ─▶ suricata -T ─▶ placed whole ─▶ active ─▶ reload ─▶ seen to run? ─▶ the good set
 *                                                                                      └────────── no: the good set back, reload, seen
 *
 * What is the good set, and that another is being switched to, is on the disk before anything is switched: after an end in the middle,
 * whenever it was, the good set is put back and loaded anew.
 */
import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../cluster/log.ts'
import type { IdsPermit } from '../../config/ids.ts'
import { countRules } from '../../rules/archive/layouts/ids.ts'
import { buildSet, MODIFY } from './build-set.ts'
import type { RunChild } from './child.ts'
import { engineTest, suricataVersion } from './engine-test.ts'
import type { TellEvent } from './events.ts'
import type { Memory, MemoryFile } from './memory.ts'
import type { OwnFiles } from './own-files.ts'
import { SET_REFUSALS, SetRefusal, type SetRefusalCode } from './refusals.ts'
import { type EngineFacts, engineFacts, reloadSeen } from './reload.ts'
import { BASELINE, type SetShelf } from './set-shelf.ts'
import type { IdsRulesState, RuleEngine } from './state.ts'

/** An archive that was verified and lies in the state directory. */
export interface KeptArchive {
  readonly file: string
  readonly sha256: string
}

export interface PipelineOptions {
  readonly runDirectory: string
  readonly stateDirectory: string
  readonly minimumRules: number
  readonly shrinkPercent: number
  readonly allow: readonly IdsPermit[]
  readonly programs: { readonly suricata: string; readonly suricataUpdate: string; readonly suricataYaml: string }
  readonly engine: RuleEngine
  readonly shelf: SetShelf
  readonly memoryFile: MemoryFile
  readonly memory: Memory
  readonly own: OwnFiles
  readonly run: RunChild
  readonly tell: TellEvent
  readonly log: Log
  readonly now: () => number
  readonly elapsed: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
  readonly limits?: Partial<PipelineLimits>
}
export interface PipelineLimits {
  readonly childMs: number
  readonly reloadMs: number
  readonly pollMs: number
  /** First wait before what may pass is tried again; doubled each time, an hour at most. */
  readonly againMs: number
}
const LIMITS: PipelineLimits = { childMs: 300_000, reloadMs: 180_000, pollMs: 1000, againMs: 60_000 }
const HOUR = 3_600_000
/** So often one set may end the whole agent before it is left alone for an hour. */
const MOST_ENDS = 2
const MOST_REFUSED = 16

export type Outcome =
  | { readonly status: 'in-use' }
  | { readonly status: 'refused'; readonly reason: SetRefusalCode; readonly detail: string }
  /** Suricata does not answer: nothing was changed. */
  | { readonly status: 'waiting' }

export interface Pipeline {
  readonly facts: () => Pick<IdsRulesState, 'set' | 'reload' | 'detail' | 'expected' | 'fetched' | 'loaded' | 'failed'>
  readonly memory: () => Memory
  /** Changes what is remembered, and writes it. */
  remember(change: Partial<Memory>): Promise<void>
  /** Makes the set of these inputs and takes it into use. @throws only for `signal` */
  adopt(archive: KeptArchive | undefined): Promise<Outcome>
  /** Sees to it that Suricata runs the good set: at the start, after a start of Suricata, and while that is not so. @throws only for `signal` */
  settle(): Promise<void>
}

type Good = Exclude<Memory['good'], undefined>
/** The name of a set. */
const digestOf = (content: Uint8Array) => createHash('sha256').update(content).digest('hex').slice(0, 12)

export const createPipeline = (options: PipelineOptions): Pipeline => {
  const { runDirectory, stateDirectory, programs, engine, shelf, own, run, tell, log, now, elapsed, sleep, signal } =
    options
  const { childMs, reloadMs, pollMs, againMs } = { ...LIMITS, ...options.limits }
  const work = join(stateDirectory, 'work')
  let memory = options.memory
  let reload: IdsRulesState['reload'] = 'starting'
  let detail = ''
  let facts: EngineFacts | undefined
  let settledStart: string | undefined
  let unsettledUntil = 0
  let attempts = 0
  let version: string | undefined
  const refused = new Map<string, { reason: SetRefusalCode; detail: string; until: number; times: number }>()

  const remember = async (change: { [K in keyof Memory]?: Memory[K] | undefined }): Promise<void> => {
    const next: Record<string, unknown> = { ...memory, ...change }
    for (const key of Object.keys(next)) if (next[key] === undefined) delete next[key]
    memory = next as Memory
    await options.memoryFile.write(memory)
  }
  /** Where what is remembered cannot be written, what runs is still the truth. */
  const rememberOrTell = (change: Parameters<typeof remember>[0]) =>
    remember(change).catch((error) => log.warn({ err: error }, 'what rules are in use could not be written down'))

  const proven = (name: string, expected: number) => {
    reload = 'verified'
    detail = ''
    attempts = 0
    settledStart = facts?.start
    log.info({ 'sekisho.set': name, 'sekisho.rules': expected }, 'Suricata runs the set')
  }
  const unproven = (why: string) => {
    if (reload !== 'unverified') tell('RulesUnverified', why)
    reload = 'unverified'
    detail = why
    settledStart = undefined
    unsettledUntil = elapsed() + Math.min(againMs, 5000 * 2 ** Math.min(attempts++, 8))
    log.warn({ 'sekisho.detail': why }, 'nothing shows which rules Suricata runs')
  }
  const see = (expected: number) =>
    reloadSeen({
      engine,
      runDirectory,
      expected,
      timeMs: reloadMs,
      pollMs,
      elapsed,
      sleep,
      signal,
      saw: (seen) => {
        facts = seen
      },
    })
  const test = async (file: string) => {
    await mkdir(work, { recursive: true })
    return engineTest({
      program: programs.suricata,
      suricataYaml: programs.suricataYaml,
      runDirectory,
      file,
      work,
      run,
      timeMs: childMs,
      signal,
    })
  }
  const ask = async (): Promise<EngineFacts | undefined> => {
    try {
      facts = await engineFacts(engine, runDirectory)
      return facts
    } catch {
      signal.throwIfAborted()
      return undefined
    }
  }

  const isWhole = async (name: string): Promise<boolean> => {
    if (!(await shelf.has(name))) return false
    const content = await shelf.read(name)
    return name === BASELINE ? content.length === 0 : digestOf(content) === name
  }
  /** What should run: what memory says, where it is still what its name says; else what is there and passes the test; at last the image's. */
  const wanted = async (): Promise<Good> => {
    if (memory.good && (await isWhole(memory.good.name))) return memory.good
    const active = await shelf.active()
    for (const name of [memory.previous, active]) {
      if (name === undefined || name === BASELINE || !(await isWhole(name))) continue
      try {
        const rules = countRules((await shelf.read(name)).toString('latin1'))
        return { name, rules, expected: await test(shelf.file(name)), inputs: '', archive: '' }
      } catch (error) {
        if (!(error instanceof SetRefusal)) throw error
        log.warn({ 'sekisho.set': name, 'sekisho.detail': error.message }, 'an unknown set is not used')
      }
    }
    if (!(await isWhole(BASELINE))) await shelf.place(BASELINE, Buffer.alloc(0))
    return { name: BASELINE, rules: 0, expected: await test(shelf.file(BASELINE)), inputs: BASELINE, archive: '' }
  }

  /** Switches to a set that was good, and looks. @returns '' or why not */
  const putBack = async (good: Good): Promise<string> => {
    try {
      await shelf.activate(good.name)
    } catch (error) {
      return `The set ${good.name} could not be made active: ${(error as Error).message}`
    }
    return see(good.expected)
  }

  const settle = async (): Promise<void> => {
    if (reload === 'unverified' && elapsed() < unsettledUntil) return
    const seen = await ask()
    if (!seen) return
    if (
      reload === 'verified' &&
      settledStart === seen.start &&
      memory.good?.expected === seen.loaded &&
      seen.failed === 0
    )
      return
    try {
      const good = await wanted()
      const asIs =
        memory.good !== undefined &&
        memory.switching === undefined &&
        good.name === (await shelf.active()) &&
        seen.loaded === good.expected &&
        seen.failed === 0
      if (reload === 'verified') reload = 'reloading'
      const why = asIs ? '' : await putBack(good)
      if (why !== '') return unproven(`The set ${good.name} is not seen to run: ${why}.`)
      await rememberOrTell({ good, switching: undefined })
      proven(good.name, good.expected)
      await shelf.keep([good.name, memory.previous ?? '']).catch(() => {})
    } catch (error) {
      signal.throwIfAborted()
      // Before the first start of Suricata its node.yaml is not there; that passes.
      if (reload === 'starting' && error instanceof SetRefusal && SET_REFUSALS[error.code].passing && attempts < 10) {
        attempts++
        detail = error.message
        return log.warn({ 'sekisho.detail': detail }, 'what Suricata runs cannot be told yet')
      }
      unproven(`The good set could not be put in use: ${(error as Error).message}.`)
    }
  }

  const inputsOf = (archive: KeptArchive | undefined): string => {
    const files = own.usable()
    if (archive === undefined && !files.some(({ key }) => key.endsWith('.rules'))) return BASELINE
    const parts = [version, archive?.sha256 ?? '', options.minimumRules, options.shrinkPercent, options.allow, files]
    return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
  }

  const make = async (archive: KeptArchive | undefined, good: Good) => {
    const content =
      archive === undefined && inputsOf(archive) === BASELINE
        ? undefined
        : await buildSet({
            program: programs.suricataUpdate,
            suricataVersion: version!,
            archive: archive?.file,
            files: own.usable(),
            allow: options.allow,
            work,
            run,
            timeMs: childMs,
            signal,
          })
    if (content === undefined)
      return { name: BASELINE, content: undefined, rules: 0, expected: await test(shelf.file(BASELINE)) }
    const rules = countRules(content.toString('latin1'))
    if (rules === 0) throw new SetRefusal('EmptySet', 'The set has no active rule.')
    if (archive !== undefined) {
      if (rules < options.minimumRules)
        throw new SetRefusal(
          'TooFewRules',
          `The set has ${rules} active rules, at least ${options.minimumRules} are wanted.`,
        )
      // What nobody remembers the making of is held to be of an archive.
      const known = good.archive === '' && good.inputs !== ''
      const floor = known ? 0 : Math.ceil(good.rules * (1 - options.shrinkPercent / 100))
      if (rules < floor)
        throw new SetRefusal(
          'ShrunkTooMuch',
          `The set has ${rules} active rules, the one in use ${good.rules}: at least ${floor} are wanted.`,
        )
    }
    const name = digestOf(content)
    const expected = await test(join(work, 'output/suricata.rules'))
    return { name, content, rules, expected }
  }

  /** Files of ConfigMaps that the engine refuses go back to their last good version, so that they do not hold up what upstream brings. */
  const makeOfUsable = async (archive: KeptArchive | undefined, good: Good) => {
    for (;;) {
      try {
        return await make(archive, good)
      } catch (error) {
        if (!(error instanceof SetRefusal)) throw error
        const { code, rules, message } = error
        const blamed =
          code === 'EngineRefused' ? own.blame(rules) : code === 'ResultRefused' ? own.blameFilter(MODIFY, message) : []
        if (blamed.length === 0) throw error
        for (const problem of blamed) tell('RulesRefused', `FileRefused: ${problem}`)
      }
    }
  }

  const refuse = (inputs: string, error: SetRefusal): Outcome => {
    const { code, message } = error
    const times = (refused.get(inputs)?.times ?? 0) + 1
    const { passing } = SET_REFUSALS[code]
    const until = passing
      ? elapsed() + Math.min(HOUR, againMs * 2 ** Math.min(times - 1, 10))
      : Number.POSITIVE_INFINITY
    refused.delete(inputs)
    refused.set(inputs, { reason: code, detail: message, until, times })
    if (refused.size > MOST_REFUSED) refused.delete(refused.keys().next().value!)
    log.warn({ 'sekisho.reason': code, 'sekisho.detail': message }, 'a set of rules is not taken')
    tell('RulesRefused', `${code}: ${message}`)
    return { status: 'refused', reason: code, detail: message }
  }

  const adopt = async (archive: KeptArchive | undefined): Promise<Outcome> => {
    // Only from a set that runs a way back is known.
    if (reload !== 'verified' || !memory.good) return { status: 'waiting' }
    const good = memory.good
    version ??= await mkdir(work, { recursive: true }).then(() =>
      suricataVersion(programs.suricata, { run, work, signal }),
    )
    const asked = inputsOf(archive)
    if (asked === good.inputs) return { status: 'in-use' }
    const known = refused.get(asked)
    if (known && elapsed() < known.until) return { status: 'refused', reason: known.reason, detail: known.detail }
    const before = memory.trying
    if (before?.inputs === asked && before.times >= MOST_ENDS && Math.abs(now() - before.at) < HOUR)
      return refuse(
        asked,
        new SetRefusal('TestEnded', `Making and testing the set ended the agent ${before.times} times.`),
      )
    const times = (before?.inputs === asked ? before.times : 0) + 1
    await rememberOrTell({ trying: { inputs: asked, times, at: now() } })
    try {
      const made = await makeOfUsable(archive, good)
      const { name, content, rules, expected } = made
      const next = { name, rules, expected, inputs: inputsOf(archive), archive: archive?.sha256 ?? '' }
      if (name === good.name) {
        own.proven()
        await rememberOrTell({ good: next, own: [...own.good()], trying: undefined })
        return { status: 'in-use' }
      }
      if (!(await ask())) {
        await rememberOrTell({ trying: undefined })
        return { status: 'waiting' }
      }
      try {
        if (content !== undefined) await shelf.place(name, content)
        // Without this on the disk an end in the middle would leave a set in use that nobody saw run.
        await remember({ switching: name })
      } catch (cause) {
        throw new SetRefusal('PlaceFailed', `The set could not be written: ${(cause as Error).message}.`, [], { cause })
      }
      reload = 'reloading'
      const why = await shelf.activate(name).then(
        () => see(expected),
        (error: Error) => `it could not be made active: ${error.message}`,
      )
      if (why !== '') {
        const back = await putBack(good)
        if (back !== '') unproven(`The set ${name} is not seen to run: ${why}. The set ${good.name} neither: ${back}.`)
        else {
          tell('RulesTakenBack', `The set ${name} was not seen to run: ${why}. The set ${good.name} runs again.`)
          proven(good.name, good.expected)
        }
        await rememberOrTell({ ...(back === '' && { switching: undefined }), trying: undefined })
        await shelf.keep([good.name, memory.previous ?? '']).catch(() => {})
        return refuse(asked, new SetRefusal('ReloadUnproven', `The set ${name} was not seen to run: ${why}.`))
      }
      own.proven()
      refused.clear()
      await rememberOrTell({
        good: next,
        previous: good.name,
        switching: undefined,
        trying: undefined,
        own: [...own.good()],
      })
      proven(name, expected)
      await shelf.keep([name, good.name]).catch(() => {})
      tell(
        'RulesChanged',
        `The set ${name} is in use: ${rules} rules beside those of the image; before it ${good.name} with ${good.rules}.`,
      )
      return { status: 'in-use' }
    } catch (error) {
      // Told to end is not ended by the set.
      if (signal.aborted) await rememberOrTell({ trying: before })
      signal.throwIfAborted()
      const told =
        error instanceof SetRefusal
          ? error
          : new SetRefusal('PlaceFailed', `The set could not be made: ${(error as Error).message}.`, [], {
              cause: error,
            })
      await rememberOrTell({ trying: undefined })
      return refuse(asked, told)
    }
  }

  let last: Promise<unknown> = Promise.resolve()
  /** One at a time, whoever asks. */
  const alone = <T>(task: () => Promise<T>): Promise<T> => {
    const next = last.then(task, task)
    last = next.catch(() => {})
    return next
  }
  return {
    facts: () => ({
      set: memory.good?.name ?? BASELINE,
      reload,
      detail,
      expected: reload === 'starting' ? undefined : memory.good?.expected,
      fetched: memory.good !== undefined && (memory.good.archive !== '' || memory.good.inputs === ''),
      loaded: facts?.loaded ?? 0,
      failed: facts?.failed ?? 0,
    }),
    memory: () => memory,
    remember: (change) => remember(change),
    adopt: (archive) => alone(() => adopt(archive)),
    settle: () => alone(settle),
  }
}
