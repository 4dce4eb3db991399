/**
 * The agent beside Suricata: shows that this node's traffic is seen, and says so.
 *
 *     socket, eve, files ─▶ facts ─▶ judge ─▶ the file of the probe (every 2 s and at each change)
 *                                        └──▶ the Lease of the node, by whoever is told
 *
 * It looks once a second whether a canary is due, and asks Suricata every 2 s. Whatever else the agent does (the Lease, rules) is waited for
 * by nobody here: with the API server away the probe is still right.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { IdsReport } from '../api/ids.ts'
import type { Log } from '../cluster/log.ts'
import type { IdsConfig } from '../config/ids.ts'
import { createCanaries } from './canaries.ts'
import { CANARY_SID } from './canary-packet.ts'
import { createCanarySender } from './canary-sender.ts'
import { createEveStream, type EveFlow } from './eve-stream.ts'
import { createObserver } from './observer.ts'
import type { IdsFacts, RulesState } from './readiness/facts.ts'
import { statusOf } from './readiness/figures.ts'
import { type IdsVerdict, judge } from './readiness/judge.ts'
import type { IdsLimits } from './readiness/limits.ts'
import { reportOf } from './readiness/report.ts'
import { writeReadiness } from './readiness-file.ts'
import type { SuricataSocket } from './suricata-socket.ts'

export interface AgentOptions {
  readonly config: IdsConfig
  readonly socket: SuricataSocket
  readonly rules: () => RulesState
  /** Told of each report; `changed` when it says something else than the one before. */
  readonly report: (report: IdsReport, changed: boolean) => void
  readonly flow: (flow: EveFlow) => void
  readonly nonce: () => string
  /** Milliseconds that only rise. */
  readonly monotonic: () => number
  readonly version: string
  readonly log: Log
}
export interface Agent {
  /** Writes a last time that it is not ready, and ends. */
  stop(): void
}

const TICK_MS = 1000
const WRITE_EVERY = 2
const MOST_BLIND_SPOTS = 20

/** Where Suricata listens for commands. */
export const commandSocket = (runDirectory: string): string => join(runDirectory, 'suricata-command.socket')
/** What `sekisho ids status` reads. */
export const statusFile = (runDirectory: string): string => join(runDirectory, 'status.json')

const limitsOf = ({ canary, drops, rules }: IdsConfig): IdsLimits => ({
  canaryPeriod: canary.periodSeconds,
  canaryAnswer: canary.answerSeconds,
  dropBudget: drops.budgetPercent,
  maximumRuleAge: rules.maximumAgeHours * 3600,
})

/** Sentences of `sekisho-ids` on what this IDS cannot see. */
function blindSpots(runDirectory: string): readonly string[] {
  try {
    const lines = readFileSync(join(runDirectory, 'blind-spots'), 'utf8').split('\n')
    return lines
      .filter((line) => line !== '')
      .slice(0, MOST_BLIND_SPOTS)
      .map((line) => line.slice(0, 300))
  } catch {
    return []
  }
}

/** Begins; resolves once Suricata can connect to it. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { config, socket, monotonic, log, version } = options
  const { runDirectory } = config
  const now = () => monotonic() / 1000
  const startedAt = now()
  const limits = limitsOf(config)
  const canaries = createCanaries({ sender: createCanarySender(config.canary), limits, nonce: options.nonce, now })
  const observer = createObserver({ runDirectory, socket, canaries, now })
  let told: IdsVerdict | undefined
  let unwritten = ''

  const facts = (): IdsFacts => ({ now: now(), startedAt, ...observer.now(), rules: options.rules(), limits })

  const write = (verdict: IdsVerdict, known: IdsFacts): IdsReport => {
    const report = reportOf(known, verdict, blindSpots(runDirectory), version)
    try {
      writeReadiness(runDirectory, verdict)
      const status = JSON.stringify({ report, checks: statusOf(known) })
      writeFileSync(`${statusFile(runDirectory)}.new`, status)
      renameSync(`${statusFile(runDirectory)}.new`, statusFile(runDirectory))
      unwritten = ''
    } catch (error) {
      // The probe finds the old file too old by then.
      if (String(error) !== unwritten) log.warn({ err: error }, 'the readiness could not be written')
      unwritten = String(error)
    }
    return report
  }

  const say = (due: boolean) => {
    const known = facts()
    const verdict = judge(known)
    const changed = told?.ready !== verdict.ready || told.check !== verdict.check
    if (!changed && !due) return
    if (changed) {
      const fields = { 'sekisho.check': verdict.check, 'sekisho.detail': verdict.detail }
      if (verdict.ready) log.info(fields, 'ready')
      else log.warn(fields, 'not ready')
    }
    told = verdict
    options.report(write(verdict, known), changed)
  }

  const eve = createEveStream(
    {
      path: join(runDirectory, 'eve.socket'),
      alert: (alert) => {
        if (canaries.take(alert)) say(false)
      },
      flow: options.flow,
    },
    CANARY_SID,
  )
  say(true)
  await eve.listen()

  let ticks = 0
  const tick = () => {
    if (ticks++ % WRITE_EVERY === 0) {
      void observer.round().then(() => {
        if (timer !== undefined) say(false)
      })
      say(true)
    } else say(false)
    if (observer.now().suricata.state === 'answers') canaries.send()
  }
  let timer: NodeJS.Timeout | undefined = setInterval(tick, TICK_MS)
  tick()

  return {
    stop: () => {
      clearInterval(timer)
      timer = undefined
      eve.close()
      socket.close()
      const last: IdsVerdict = { ready: false, check: 'AgentSilent', detail: 'the agent was told to end' }
      write(last, facts())
    },
  }
}
