/** `sekisho rules pin VERSION`: only this release, until `unpin`. */
import type { Command } from 'commander'
import { keptVersion } from '../rules/rollout/keep.ts'
import { compareVersions } from '../rules/rollout/newer.ts'
import type { RolloutState } from '../rules/rollout/state.ts'
import { EXIT, Exit, type Io } from './command.ts'
import {
  inCluster,
  type OrderOptions,
  orderGiven,
  orderOptions,
  readRollout,
  tellOrder,
  writeOrder,
} from './rules-cluster.ts'

const VERSION = /^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$/
/** @throws what a version must look like */
export const mustBeVersion = (text: string): string => {
  const version = text.replace(/^v(?=\d)/, '')
  if (VERSION.test(version)) return version
  throw new Exit(EXIT.usage, `Cannot take '${text}' for a version: it must be one such as 4.25.1.`)
}

async function pin(version: string, options: OrderOptions, io: Io): Promise<void> {
  await inCluster(options, async (cluster) => {
    const read = await readRollout(cluster)
    const order = { version, ...(await orderGiven(cluster, options.why)) }
    await writeOrder(cluster, 'pin', order, { dryRun: options.dryRun })
    const done = options.dryRun ? `Would pin ${version}.` : `Pinned ${version}.`
    const follows = 'state' in read ? ` ${whatFollows(read.state, version)}` : ''
    tellOrder(io, options, 'pin', order, `${done}${follows}`)
  })
}

/** What the service makes of it, as far as it can be told from here. */
function whatFollows(state: RolloutState, version: string): string {
  const { current, next } = state
  if (next !== null && next.release.version !== version) {
    const dropped = `The rollout of ${next.release.version} is dropped: its Pods go back.`
    return current?.version === version ? dropped : `${dropped} ${whatFollows({ ...state, next: null }, version)}`
  }
  if (current?.version === version) return 'It is the current one: nothing changes.'
  if (next !== null) return 'Its rollout goes on.'
  if (keptVersion(state, version) === undefined)
    return 'It is not kept: the source is asked for it, and meanwhile nothing else is taken.'
  if (current !== null && (compareVersions(version, current.version) ?? 0) < 0)
    return `It is older than the current ${current.version}: all Pods go back to it at once.`
  return current === null ? 'All Pods get it after its trial.' : 'It is rolled out in stages.'
}

export const registerPin = (rules: Command, io: Io): void => {
  orderOptions(
    rules
      .command('pin')
      .description('hold the cluster to one release; an older one that is kept is gone back to at once')
      .argument('<version>', 'such as 4.25.1')
      .option('--why <text>', 'for those who come after you')
      .option('--dry-run', 'ask the API server whether it would be taken, write nothing'),
    'sekisho rules pin 4.25.1 --why "4.25.2 blocks the checkout"',
    'sekisho rules pin 4.25.1 --dry-run',
  ).action((version: string, options: OrderOptions) => pin(mustBeVersion(version), options, io))
}
