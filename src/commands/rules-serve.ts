/** `sekisho rules serve`: its command line. What it runs is loaded only for it: the other words of `sekisho rules` need none of it. */
import type { Command } from 'commander'
import { LOG_LEVELS } from '../log.ts'
import { examples, type Io } from './command.ts'
import type { ServeOptions } from './rules-serve-run.ts'
import { logLevel } from './serving.ts'

export const registerServe = (rules: Command, io: Io): void => {
  rules
    .command('serve')
    .description('keep the rules of all Pods fresh: the Deployment sekisho-rules')
    .requiredOption('-c, --config <file>', 'configuration file (docs/reference/rules-configuration.md)')
    .requiredOption('--waf-image <image>', 'the sekisho-waf image of the installation, by which its Pods are known')
    .option('--log-level <level>', LOG_LEVELS.join(', '), logLevel, 'info' as const)
    .option('--kubeconfig <file>', 'kubeconfig; without it the Pod’s ServiceAccount, KUBECONFIG or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig')
    .addHelpText(
      'after',
      examples('sekisho rules serve --config /etc/sekisho/rules.yaml --waf-image registry.example/sekisho-waf:1.2.3'),
    )
    .action(async (options: ServeOptions) => (await import('./rules-serve-run.ts')).serveRules(options, io))
}
