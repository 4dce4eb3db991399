/** `sekisho ids`: its command line. What it runs is loaded only for it: the agent shares a small container with nothing else. */
import { type Command, Option } from 'commander'
import { LOG_LEVELS } from '../log.ts'
import { examples, type Io } from './command.ts'
import type { RunOptions } from './ids-run.ts'
import type { StatusOptions } from './ids-status.ts'
import { logLevel } from './serving.ts'

export const register = (program: Command, io: Io): void => {
  const ids = program.command('ids').description('the agent beside Suricata: show that a node is watched')
  ids
    .command('run')
    .description('prove that Suricata sees, keep its rules fresh: the container agent of the DaemonSet sekisho-ids')
    .requiredOption('-c, --config <file>', 'configuration file (docs/reference/ids-configuration.md)')
    .option('--log-level <level>', LOG_LEVELS.join(', '), logLevel, 'info' as const)
    .option('--kubeconfig <file>', 'kubeconfig; without it the Pod’s ServiceAccount')
    .addHelpText('after', examples('sekisho ids run --config /etc/sekisho/ids.yaml'))
    .action(async (options: RunOptions) => (await import('./ids-run.ts')).runIds(options, io))
  ids
    .command('status')
    .description('in the container agent: every check of this node with its number')
    .option('-d, --run-directory <directory>', 'the volume shared with Suricata', '/run/suricata')
    .addOption(new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      examples(
        'kubectl -n sekisho-node exec POD -c agent -- node /app/sekisho.mjs ids status',
        'sekisho ids status --output json',
      ),
    )
    .action(async (options: StatusOptions) => (await import('./ids-status.ts')).printStatus(options, io))
}
