/**
 * `make demo`: starts a real Kubernetes on this machine (or takes the current one), installs Sekisho, lives the story, and leaves
 * nothing behind: what the machine had before is compared with what it has after.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command, Option } from 'commander'
import { attachCluster } from '../cluster/attach.ts'
import { leftovers, snapshot } from '../cluster/leftovers.ts'
import { leaveCurrentCluster, useCurrentCluster } from './current-cluster.ts'
import { install } from './install.ts'
import { Narrator } from './narrator.ts'
import { startNewCluster } from './new-cluster.ts'
import { bringRules, PACKED_RULES } from './packed-rules.ts'
import type { Station } from './station.ts'
import { Story } from './story.ts'

const NAME = 'demo'
const begin = Date.now()
const say = (line: string): void => console.log(line)
const progress = (line: string): void =>
  console.log(`   [${((Date.now() - begin) / 1000).toFixed(1).padStart(6)} s] ${line}`)

async function live(station: Station, tell: Narrator): Promise<void> {
  await install(station, tell, PACKED_RULES)
  await bringRules(station, tell)
  await new Story(station, tell).live()
}

async function lookAround(station: Station, tell: Narrator): Promise<void> {
  tell.step('7. What is running now')
  for (const args of [
    ['get', 'pods', '-A'],
    ['get', 'mutatingwebhookconfigurations,validatingwebhookconfigurations'],
  ])
    await tell.command(`kubectl ${args.join(' ')}`, () => station.kubectl(args))
  tell.end()
}

/** Waits for Enter, or for `make down` from elsewhere. Without a terminal nobody can press Enter: then only for `make down`. */
async function waitForLeave(interrupted: AbortSignal): Promise<void> {
  say('\nLook around: `make shell` in another terminal opens a shell with kubectl ready.')
  say(process.stdin.isTTY ? 'Enter, or `make down` elsewhere, ends it.' : '`make down` ends it.')
  const gone = (async () => {
    while (!interrupted.aborted && (await attachCluster(NAME))) await sleep(1000)
  })()
  await Promise.race([gone, ...(process.stdin.isTTY ? [once(process.stdin, 'data')] : [])])
  process.stdin.destroy()
}

async function onNewCluster(keep: boolean, tell: Narrator): Promise<void> {
  const before = await snapshot(NAME)
  const over = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      say(`\n${signal}: taking everything down (once more ends at once)`)
      over.abort(new Error(`stopped by ${signal}`))
    })
  tell.step('A real Kubernetes on this machine, and our images')
  const { cluster, station } = await startNewCluster(NAME, progress, over.signal)
  try {
    const stopped = new Promise<never>((_, reject) =>
      over.signal.addEventListener('abort', () => reject(over.signal.reason), { once: true }),
    )
    await Promise.race([live(station, tell).then(() => lookAround(station, tell)), stopped])
    if (keep) await Promise.race([waitForLeave(over.signal), stopped])
  } finally {
    tell.step('Taking everything down')
    await cluster.stop()
    const left = leftovers(before, await snapshot(NAME))
    if (left.length > 0) {
      process.exitCode = 1
      say(`   left behind: ${left.join(', ')}`)
    } else tell.say('nothing is left: no process, mount, network namespace, firewall rule or changed sysctl')
    tell.end()
  }
}

async function onCurrentCluster(keep: boolean, tell: Narrator): Promise<void> {
  const station = await useCurrentCluster()
  say(`On ${station.about}`)
  try {
    await live(station, tell)
    await lookAround(station, tell)
    if (keep && process.stdin.isTTY) {
      say('\nEnter takes everything out again.')
      await once(process.stdin, 'data')
      process.stdin.destroy()
    }
  } finally {
    tell.step('Taking everything out')
    await leaveCurrentCluster((line) => tell.say(line))
    tell.end()
  }
}

const { keep, cluster } = new Command('demo')
  .addOption(new Option('--keep <0|1>', 'wait at the end').choices(['0', '1']).default('1'))
  .addOption(
    new Option('--cluster <which>', 'a new one, or the one of the current kubeconfig')
      .choices(['new', 'current'])
      .default('new'),
  )
  .parse()
  .opts<{ keep: string; cluster: string }>()
const tell = new Narrator(say)
try {
  await (cluster === 'new' ? onNewCluster : onCurrentCluster)(keep === '1', tell)
  say(`\nThe story took ${((Date.now() - begin) / 1000).toFixed(0)} s.`)
} catch (error) {
  say(`\ndemo: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
