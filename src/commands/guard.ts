/** `sekisho guard`: its command line. What it runs is loaded only for it. */
import { LOG_LEVELS } from '../log.ts'
import { examples, type Register } from './command.ts'
import type { GuardOptions } from './guard-run.ts'
import { logLevel } from './serving.ts'

export const register: Register = (program, io) => {
  program
    .command('guard')
    .description('keep coverage true: taint blind nodes, tell their namespaces')
    .requiredOption('-c, --config <file>', 'configuration file (docs/reference/guard-configuration.md)')
    .option('--dry-run', 'print what would be written now, and end')
    .option('-o, --output <format>', 'with --dry-run: `json` for machines', 'text')
    .option('--log-level <level>', LOG_LEVELS.join(', '), logLevel, 'info' as const)
    .option('--kubeconfig <file>', 'kubeconfig; without it the Pod’s ServiceAccount, KUBECONFIG or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig')
    .addHelpText(
      'after',
      examples(
        'sekisho guard --config /etc/sekisho/config/guard.yaml',
        'sekisho guard --config guard.yaml --dry-run --output json',
      ),
    )
    .action(async (options: GuardOptions) => (await import('./guard-run.ts')).runGuard(options, io))
}
