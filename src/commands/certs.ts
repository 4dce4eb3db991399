/** `sekisho certs ensure`: certificates and caBundles as they must be. Run by a Job at install and by a CronJob after. */
import { setTimeout as wait } from 'node:timers/promises'
import { Option } from 'commander'
import type { Outcome } from '../../certs-job/ensure.ts'
import type { CertView } from '../../certs-job/view.ts'
import type { CertsConfig } from '../config/certs.ts'
import { VERSION } from '../version.ts'
import { EXIT, Exit, examples, type Io, type Register } from './command.ts'

interface Options {
  readonly config?: string
  readonly kubeconfig?: string
  readonly context?: string
  readonly dryRun?: boolean
  readonly output: string
}

const readConfig = async (file: string | undefined): Promise<CertsConfig> => {
  const { certsConfig } = await import('../config/certs.ts')
  if (file === undefined) return certsConfig.parse({})
  const [{ loadConfig }, { ConfigError }] = await Promise.all([
    import('../config/load.ts'),
    import('../config/errors.ts'),
  ])
  try {
    return loadConfig(certsConfig, file).config
  } catch (error) {
    throw error instanceof ConfigError ? new Exit(EXIT.usage, error.message, { cause: error }) : error
  }
}

const certOf = (cert: CertView | null) =>
  cert && {
    subject: cert.subject,
    fingerprint: cert.fingerprint,
    notBefore: new Date(cert.notBefore).toISOString(),
    notAfter: new Date(cert.notAfter).toISOString(),
  }

const asJson = (outcome: Outcome, dryRun: boolean): string =>
  JSON.stringify({
    dryRun,
    steps: outcome.steps,
    ca: certOf(outcome.ca),
    previous: outcome.previous.map(certOf),
    leaf: certOf(outcome.leaf),
    rulesLeaf: certOf(outcome.rulesLeaf),
    keys: outcome.keys,
    nextChange: new Date(outcome.nextAt).toISOString(),
  })

const asText = ({ steps, nextAt }: Outcome, dryRun: boolean): string => {
  const next = `The next change is due ${new Date(nextAt).toISOString()}.`
  if (steps.length === 0) return `Nothing to do: certificates are fresh and every entry trusts them. ${next}`
  const count = `${steps.length} ${steps.length === 1 ? 'step' : 'steps'}`
  if (dryRun)
    return [`${count} would be taken:`, ...steps.map((step) => `  ${step.do}: ${step.reason}, ${step.detail}`)].join(
      '\n',
    )
  return `Done in ${count}: certificates are fresh and every entry trusts them. ${next}`
}

/** A dry run does not wait: its clock is moved instead. */
const dryClock = () => {
  let elapsed = 0
  return {
    monotonic: () => elapsed,
    sleep: async (ms: number) => {
      elapsed += ms
    },
  }
}

const realClock = () => ({
  monotonic: () => performance.now(),
  sleep: async (ms: number, signal: AbortSignal) => wait(ms, undefined, { signal }),
})

const run = async (options: Options, io: Io): Promise<void> => {
  const config = await readConfig(options.config)
  const [{ connect }, { withoutWriting }, { ensure }, { CertsError }] = await Promise.all([
    import('../../certs-job/kubernetes.ts'),
    import('../../certs-job/dry-run.ts'),
    import('../../certs-job/ensure.ts'),
    import('../../certs-job/reasons.ts'),
  ])
  const dryRun = options.dryRun === true
  const stopping = new AbortController()
  const stop = () => stopping.abort(new Error('stopped by a signal; every step so far is kept, run it again'))
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  let cluster: Awaited<ReturnType<typeof connect>> | undefined
  try {
    const { kubeconfig, context } = options
    const userAgent = `sekisho-certs/${VERSION}`
    cluster = await connect({ kubeconfig, context, namespace: config.namespace, userAgent })
    const outcome = await ensure(dryRun ? withoutWriting(cluster) : cluster, config, {
      ...(dryRun ? dryClock() : realClock()),
      wallClock: () => Date.now(),
      progress: (line) => void io.stderr.write(`${line}\n`),
      signal: stopping.signal,
    })
    io.stdout.write(`${options.output === 'json' ? asJson(outcome, dryRun) : asText(outcome, dryRun)}\n`)
  } catch (error) {
    if (stopping.signal.aborted) throw new Exit(EXIT.failed, String(stopping.signal.reason.message), { cause: error })
    throw error instanceof CertsError
      ? new Exit(EXIT.failed, `${error.code}: ${error.message}`, { cause: error })
      : error
  } finally {
    cluster?.close()
    process.off('SIGTERM', stop)
    process.off('SIGINT', stop)
  }
}

export const register: Register = (program, io) => {
  program
    .command('certs')
    .description('make and renew certificates, keep caBundle right')
    .command('ensure')
    .description('make what is missing, renew what is due, and bring the CA into every webhook entry; safe to repeat')
    .option('-c, --config <file>', 'configuration file; without it every setting has its default')
    .option('--kubeconfig <file>', 'kubeconfig; without it KUBECONFIG, ~/.kube/config or the Pod’s ServiceAccount')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--dry-run', 'tell the steps, write nothing')
    .addOption(new Option('-o, --output <format>', '`json` for machines').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      examples(
        'sekisho certs ensure --config certs.yaml',
        'sekisho certs ensure --dry-run --context staging',
        'sekisho certs ensure --output json | jq .leaf.notAfter',
      ),
    )
    .action((options: Options) => run(options, io))
}
