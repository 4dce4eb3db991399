/** `sekisho rules freeze UNTIL | off`: no new release and no further stage for a while. Going back works all the same. */
import type { Command } from 'commander'
import { EXIT, Exit, type Io } from './command.ts'
import { inCluster, type OrderOptions, orderGiven, orderOptions, tellOrder, writeOrder } from './rules-cluster.ts'
import { parseUntil } from './until.ts'

/** Who freezes for longer forgets it, and stands without updates. */
const MOST_DAYS = 90

/** @throws what it must be */
function untilOf(text: string, now: number): number {
  const until = parseUntil(text, now)
  if (until === undefined)
    throw new Exit(
      EXIT.usage,
      `Cannot freeze until '${text}': it must be a time such as 2026-12-27T06:00:00Z, a span such as 90m, 48h or 7d, or off.`,
    )
  if (until <= now) throw new Exit(EXIT.usage, `Cannot freeze until '${text}': it is over already.`)
  if (until > now + MOST_DAYS * 86_400_000)
    throw new Exit(
      EXIT.usage,
      `Cannot freeze until '${text}': it must be within ${MOST_DAYS} days; \`sekisho rules pin\` has no end.`,
    )
  return until
}

async function freeze(text: string, options: OrderOptions, io: Io): Promise<void> {
  const until = text === 'off' ? undefined : untilOf(text, Date.now())
  await inCluster(options, async (cluster) => {
    const order = until === undefined ? undefined : { until, ...(await orderGiven(cluster, options.why)) }
    await writeOrder(cluster, 'freeze', order, { dryRun: options.dryRun })
    const would = options.dryRun ? 'Would be: ' : ''
    const told =
      until === undefined
        ? 'Releases are taken as they come.'
        : `No release is taken and no further stage begins until ${new Date(until).toISOString()}.`
    tellOrder(io, options, 'freeze', order ?? null, `${would}${told}`)
  })
}

export const registerFreeze = (rules: Command, io: Io): void => {
  orderOptions(
    rules
      .command('freeze')
      .description('take no release and begin no stage until then; going back works all the same')
      .argument('<until>', 'a time in RFC 3339, a span such as 90m, 48h or 7d, or off')
      .option('--why <text>', 'for those who come after you')
      .option('--dry-run', 'ask the API server whether it would be taken, write nothing'),
    'sekisho rules freeze 48h --why "the great sale"',
    'sekisho rules freeze 2026-12-27T06:00:00Z',
    'sekisho rules freeze off',
  ).action((until: string, options: OrderOptions) => freeze(until, options, io))
}
