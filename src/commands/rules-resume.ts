/** `sekisho rules resume [VERSION]`: go on with what was halted, set aside or held back. */
import type { Command } from 'commander'
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

/** What the order would set going, a line each. */
export function whatResumes({ next, setAside, held }: RolloutState, version: string | undefined): string[] {
  const meant = (other: string) => version === undefined || version === other
  return [
    ...(next?.halted !== undefined && meant(next.release.version)
      ? [
          `the rollout of ${next.release.version}, halted since ${new Date(next.halted.at).toISOString()} (${next.halted.reason})`,
        ]
      : []),
    ...setAside
      .filter(({ refuses }) => meant(refuses.version))
      .map(({ namespace, refuses }) => `${refuses.version} in namespace ${namespace}, which refused it`),
    ...held
      .filter(({ release }) => version !== undefined && release.version === version)
      .map(({ release, reason }) => `${release.version}, held back (${reason}): it is taken as a new release is`),
  ]
}

async function resume(version: string | undefined, options: OrderOptions, io: Io): Promise<void> {
  await inCluster(options, async (cluster) => {
    const read = await readRollout(cluster)
    const goesOn = 'state' in read ? whatResumes(read.state, version) : []
    if ('state' in read && goesOn.length === 0) {
      const held = [...new Set(read.state.held.map(({ release }) => release.version))].join(', ')
      const name = held === '' ? '' : ` Held back are: ${held}; name the one to take again.`
      throw new Exit(
        EXIT.refused,
        `Nothing${version === undefined ? '' : ` of ${version}`} is halted or set aside.${name}`,
      )
    }
    const order = { ...(version !== undefined && { version }), ...(await orderGiven(cluster, options.why)) }
    await writeOrder(cluster, 'resume', order, { dryRun: options.dryRun })
    const done = options.dryRun ? 'Would go on with:' : 'Goes on with:'
    const text = goesOn.length === 0 ? 'Written.' : [done, ...goesOn.map((line) => `  ${line}`)].join('\n')
    tellOrder(io, options, 'resume', order, text)
  })
}

export const registerResume = (rules: Command, io: Io): void => {
  orderOptions(
    rules
      .command('resume')
      .description('go on with what was halted or set aside; take a version again that was held back')
      .argument('[version]', 'that was held back, such as 4.25.1')
      .option('--why <text>', 'for those who come after you')
      .option('--dry-run', 'say what would go on, write nothing'),
    'sekisho rules resume --why "the shop blocks a scan, as it should"',
    'sekisho rules resume 4.25.1',
  ).action((version: string | undefined, options: OrderOptions) =>
    resume(version === undefined ? undefined : mustBeVersion(version), options, io),
  )
}
