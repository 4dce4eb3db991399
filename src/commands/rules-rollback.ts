/** `sekisho rules rollback`: all Pods go back at once, and what they come from is not taken again by itself. */
import type { Command } from 'commander'
import type { ReleaseRef } from '../rules/model.ts'
import { isNewer, keptVersion } from '../rules/rollout/keep.ts'
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
import { mustBeVersion } from './rules-pin.ts'

interface Options extends OrderOptions {
  readonly to?: string
}

async function rollback(options: Options, io: Io): Promise<void> {
  const to = options.to === undefined ? undefined : mustBeVersion(options.to)
  await inCluster(options, async (cluster) => {
    const read = await readRollout(cluster)
    // What cannot be read here may still be read by a newer service.
    const way = 'state' in read ? wayBack(read.state, to) : undefined
    const order = { ...(to !== undefined && { to }), ...(await orderGiven(cluster, options.why)) }
    await writeOrder(cluster, 'rollback', order, {
      dryRun: options.dryRun,
      look: ({ orders: { pin } }) => {
        if (pin === undefined || way === undefined || pin.version === way.to.version) return
        throw new Exit(
          EXIT.refused,
          `Cannot go back to ${way.to.version}: ${pin.version} is pinned by ${pin.by}.\n  to mend: sekisho rules pin ${way.to.version}, or sekisho rules unpin first`,
        )
      },
    })
    const words = way === undefined ? 'the release before' : `${way.to.version} from ${way.from.version}`
    const later = way === undefined ? 'What it comes from' : way.from.version
    const text = options.dryRun
      ? `Would go back to ${words}.`
      : `All Pods go back to ${words}. ${later} is not taken again until \`sekisho rules resume\` or \`pin\` names it.`
    tellOrder(io, options, 'rollback', order, text)
  })
}

/** The same as the service finds; it decides, this only spares a wait for its answer. @throws why there is none */
export function wayBack(
  state: RolloutState,
  version: string | undefined,
): { readonly from: ReleaseRef; readonly to: ReleaseRef } {
  const { current, next, previous } = state
  const kept = state.kept.map(({ release }) => release.version).join(', ') || 'none'
  const no = (why: string) => new Exit(EXIT.refused, `Cannot go back: ${why} Kept are: ${kept}.`)
  if (current === null) throw no('no release was taken yet.')
  const from = next?.release ?? current
  const to = version === undefined ? (next === null ? previous : current) : keptVersion(state, version)?.release
  if (to === undefined) throw no(`${version} is not kept; \`sekisho rules pin ${version}\` fetches it.`)
  if (to === null) throw no(`there is no release before ${current.version}.`)
  if (to.version === from.version && to.sha256 === from.sha256) throw no(`${to.version} is what runs.`)
  if (isNewer(state, to, current))
    throw no(`${to.version} is newer than ${current.version}; \`sekisho rules pin\` rolls it out.`)
  return { from, to }
}

export const registerRollback = (rules: Command, io: Io): void => {
  orderOptions(
    rules
      .command('rollback')
      .description('go back to the release before, or to another that is kept, in all Pods at once')
      .option('--to <version>', 'without it: out of a rollout to the current release, else to the one before')
      .requiredOption('--why <text>', 'for those who come after you')
      .option('--dry-run', 'say where it would go back to, write nothing'),
    'sekisho rules rollback --why "checkout is slow"',
    'sekisho rules rollback --to 4.25.0 --why "checkout is slow"',
  ).action((options: Options) => rollback(options, io))
}
