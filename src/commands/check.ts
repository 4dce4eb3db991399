/**
 * `sekisho check -f ns.yaml`: the verdict the gate would give on these namespaces, by the very reviewer of the webhook.
 * Against a cluster it is what `kubectl apply` would meet; with `--offline` it is as much as the file alone can tell.
 * `sekisho check --all-namespaces` counts what would be refused of what is there.
 */
import { namespaceReviewer } from '../admission/reviewers/namespace.ts'
import type { KubeObject, UserInfo } from '../api/kube.ts'
import type { Verdict } from '../api/verdict.ts'
import { findAccess } from '../cluster/access.ts'
import { type ApiClient, ApiError, createApiClient } from '../cluster/api-client.ts'
import { mayIOpen, whoAmI } from '../cluster/myself.ts'
import { snapshot } from '../cluster/snapshot.ts'
import type { GuardSettings } from '../config/webhook.ts'
import { judgeNamespaceOffline, type Unknown } from '../guard/offline.ts'
import { VERSION } from '../version.ts'
import { applied } from './applied.ts'
import { inLines, judgeAll, someRefused } from './check-all.ts'
import { EXIT, Exit, examples, type Io, type Register } from './command.ts'
import { readDocuments } from './documents.ts'
import { guardSettingsOf } from './guard-settings.ts'

interface Options {
  readonly file?: string
  readonly allNamespaces?: boolean
  readonly offline?: boolean
  readonly kubeconfig?: string
  readonly context?: string
  readonly config?: string
  readonly output: string
}
type Judge = (namespace: KubeObject) => Promise<Verdict | Unknown>

const TIMEOUT_MS = 60_000
const NOBODY: UserInfo = { username: 'you' }
const REVIEWED = {
  uid: 'check',
  kind: { group: '', version: 'v1', kind: 'Namespace' },
  resource: { group: '', version: 'v1', resource: 'namespaces' },
  subResource: '',
  dryRun: true,
}

const offline =
  (settings: GuardSettings): Judge =>
  async (object) =>
    judgeNamespaceOffline({ operation: 'CREATE', object, oldObject: null, user: NOBODY, settings, now: Date.now() })

/** Asks the cluster once for everything, then judges any number of namespaces. */
async function online(client: ApiClient, settings: GuardSettings): Promise<Judge> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const [reader, user] = await Promise.all([snapshot(client, settings, signal), whoAmI(client, signal)])
  // Whether somebody else may open is not for everybody to ask; whether we may is.
  const mine = { ...reader, mayOpen: (_: UserInfo, namespace: string) => mayIOpen(client, namespace, signal) }
  const review = namespaceReviewer({ reader: mine, settings, now: Date.now })
  return async (object) => {
    const name = object.metadata?.name ?? ''
    const oldObject = name === '' ? null : await existing(client, name, signal)
    const operation = oldObject === null ? 'CREATE' : 'UPDATE'
    const next = oldObject === null ? object : applied(oldObject, object)
    return review({ ...REVIEWED, name, namespace: name, operation, userInfo: user, object: next, oldObject }, signal)
  }
}

async function existing(client: ApiClient, name: string, signal: AbortSignal): Promise<KubeObject | null> {
  try {
    return await client.request<KubeObject>('GET', `/api/v1/namespaces/${encodeURIComponent(name)}`, { signal })
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null
    throw error
  }
}

const WORDS = { allow: 'accepted', deny: 'refused', unknown: 'cannot tell' } as const
const CODES = { allow: EXIT.ok, deny: EXIT.refused, unknown: EXIT.failed } as const

export const register: Register = (program, io) => {
  program
    .command('check')
    .description('say whether the gate would accept namespaces')
    .option('-f, --file <path>', 'YAML or JSON, any number of documents; - is stdin')
    .option(
      '-A, --all-namespaces',
      'instead of a file: count what would be refused today if each namespace were protected',
    )
    .option('--offline', 'ask no cluster: what depends on it is told as unknown')
    .option('--config <file>', 'the webhook’s configuration, where its guard differs from the defaults')
    .option('--kubeconfig <file>', 'kubeconfig; without it KUBECONFIG or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig')
    .option('-o, --output <format>', '`json` for machines', 'text')
    .addHelpText(
      'after',
      `${examples('sekisho check -f namespace.yaml', 'kubectl get ns shop -o yaml | sekisho check --offline -f -', 'sekisho check --all-namespaces')}
Exit codes: 0 all accepted, 1 one refused (of all namespaces: one that is protected or in audit, or a Pod there), 2 not tried, 3 one could not be told.\n`,
    )
    .action(async (options: Options) => {
      const settings = guardSettingsOf(options.config)
      if (
        (options.file === undefined) === (options.allNamespaces !== true) ||
        (options.allNamespaces && options.offline)
      )
        throw new Exit(
          EXIT.usage,
          'Cannot check: say either --file <path>, with or without --offline, or --all-namespaces',
        )
      if (options.file === undefined) return checkAll(options, settings, io)
      const documents = await readDocuments(options.file, io)
      const namespaces = documents.filter(({ object }) => object.kind === 'Namespace')
      if (namespaces.length === 0)
        throw new Exit(
          EXIT.usage,
          `Cannot check ${options.file}: there is no Namespace in it. sekisho inject judges Pods and workloads.`,
        )
      const client = options.offline
        ? undefined
        : createApiClient(await findAccess(options), `sekisho-check/${VERSION}`)
      try {
        const judge = client === undefined ? offline(settings) : await online(client, settings)
        const answers = []
        for (const { object, where } of namespaces) {
          const { verdict, reason, detail, warnings } = await judge(object)
          answers.push({ namespace: object.metadata?.name ?? '', where, verdict, reason, detail, warnings })
        }
        io.stdout.write(options.output === 'json' ? `${JSON.stringify(answers)}\n` : answers.map(asText).join(''))
        // What is refused is the answer, whatever else could not be told.
        const codes = new Set(answers.map(({ verdict }) => CODES[verdict]))
        for (const code of [EXIT.refused, EXIT.failed]) if (codes.has(code)) throw new Exit(code)
      } finally {
        client?.close()
      }
    })
}

async function checkAll(options: Options, settings: GuardSettings, io: Io): Promise<void> {
  const client = createApiClient(await findAccess(options), `sekisho-check/${VERSION}`)
  try {
    const told = await judgeAll(client, settings)
    io.stdout.write(options.output === 'json' ? `${JSON.stringify(told)}\n` : inLines(told))
    if (someRefused(told)) throw new Exit(EXIT.refused)
  } finally {
    client.close()
  }
}

interface Answer {
  readonly namespace: string
  readonly where: string
  readonly verdict: keyof typeof WORDS
  readonly reason: string
  readonly detail: string
  readonly warnings: readonly string[]
}
const asText = ({ namespace, where, verdict, reason, detail, warnings }: Answer): string =>
  [
    `${where}: namespace ${namespace}: ${WORDS[verdict]} (${reason})`,
    ...detail.split('\n').map((line) => `  ${line}`),
    ...warnings.map((line) => `  warning: ${line}`),
    '',
  ].join('\n')
