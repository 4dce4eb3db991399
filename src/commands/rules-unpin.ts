/** `sekisho rules unpin`: new releases are taken again. */
import type { Command } from 'commander'
import { examples, type Io } from './command.ts'
import { type ClusterOptions, clusterOptions, inCluster, writeOrder } from './rules-cluster.ts'

interface Options extends ClusterOptions {
  readonly dryRun?: boolean
}

export const registerUnpin = (rules: Command, io: Io): void => {
  clusterOptions(
    rules
      .command('unpin')
      .description('take new releases again, in stages')
      .option('--dry-run', 'ask the API server whether it would be taken, write nothing'),
  )
    .addHelpText('after', examples('sekisho rules unpin'))
    .action((options: Options) =>
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
        io.stdout.write(was === undefined ? 'Nothing was pinned.\n' : `${done}: ${was} was pinned.\n`)
      }),
    )
}
