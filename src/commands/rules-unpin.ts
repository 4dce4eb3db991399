/** `sekisho rules unpin`: new releases are taken again. */
import type { Command } from 'commander'
import type { Io } from './command.ts'
import { inCluster, type OrderOptions, orderOptions, tellOrder, writeOrder } from './rules-cluster.ts'

export const registerUnpin = (rules: Command, io: Io): void => {
  orderOptions(
    rules
      .command('unpin')
      .description('take new releases again, in stages')
      .option('--dry-run', 'ask the API server whether it would be taken, write nothing'),
    'sekisho rules unpin',
  ).action((options: OrderOptions) =>
    inCluster(options, async (cluster) => {
      let was: string | undefined
      await writeOrder(cluster, 'pin', undefined, {
        dryRun: options.dryRun,
        look: ({ orders, problems }) => {
          was =
            orders.pin?.version ?? (problems.some(({ kind }) => kind === 'pin') ? 'something unreadable' : undefined)
        },
      })
      const done = options.dryRun ? 'Would unpin' : 'Unpinned'
      const text = was === undefined ? 'Nothing was pinned.' : `${done}: ${was} was pinned.`
      tellOrder(io, options, 'pin', null, text)
    }),
  )
}
