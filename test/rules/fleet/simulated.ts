/**
 * The updaters of Pods that have no kubelet, in one process that runs inside a node, where the Service's address leads somewhere. Their tokens
 * are real ones, bound to these Pods, and each speaks from its Pod's own address.
 *
 *   node simulated.ts     reads a line of JSON (`Fleet`) on stdin, then says a line (`Said`) four times a second until stdin ends
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { createUpdater, type Service } from '../../../bench/rules-fleet/updater.ts'

export interface Fleet {
  readonly service: Service
  readonly image: string
  readonly engine: string
  readonly pods: readonly { readonly token: string; readonly address: string }[]
  /** Between a bundle being placed and the WAF serving it. */
  readonly loadMs: { readonly least: number; readonly most: number }
}
export interface Said {
  readonly polls: number
  /** `503`, `ECONNRESET`: how often. */
  readonly failures: Readonly<Record<string, number>>
  /** Of each poll since the last line, ms. */
  readonly ms: readonly number[]
  /** By generation: how many have it whole, and when the last of them got it. */
  readonly placed: Readonly<Record<string, { readonly count: number; readonly lastAt: number }>>
}

if (import.meta.main) {
  const lines = createInterface({ input: process.stdin })
  const [text] = (await once(lines, 'line')) as [string]
  lines.on('close', () => process.exit(0))
  const { service, image, engine, pods, loadMs } = JSON.parse(text) as Fleet
  const wait = () => loadMs.least + Math.random() * (loadMs.most - loadMs.least)
  const updaters = pods.map(({ token, address }) =>
    createUpdater({ service, token, address, image, engine, loadMs: wait }),
  )
  let polls = 0
  let ms: number[] = []
  const failures: Record<string, number> = {}
  for (const updater of updaters)
    void (async () => {
      // As one that starts: within ten seconds.
      for (let next = 10 * Math.random(); ; ) {
        await sleep(next * 1000)
        const outcome = await updater.poll()
        polls++
        if (outcome.ms !== undefined) ms.push(Math.round(outcome.ms))
        if (outcome.failure !== undefined) failures[outcome.failure] = (failures[outcome.failure] ?? 0) + 1
        next = outcome.waitSeconds
      }
    })()
  for (;;) {
    await sleep(250)
    const placed: Record<string, { count: number; lastAt: number }> = {}
    for (const updater of updaters) {
      const { count, lastAt } = placed[updater.placed] ?? { count: 0, lastAt: 0 }
      placed[updater.placed] = { count: count + 1, lastAt: Math.max(lastAt, updater.placedAt) }
    }
    process.stdout.write(`${JSON.stringify({ polls, failures, ms, placed } satisfies Said)}\n`)
    ms = []
  }
}
