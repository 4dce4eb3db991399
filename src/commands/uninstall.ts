/** `sekisho uninstall`: everything out, in the right order, and what is left for people to do. */

import { createInterface } from 'node:readline/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { findAccess } from '../cluster/access.ts'
import { type ApiClient, createApiClient } from '../cluster/api-client.ts'
import { listAll } from '../cluster/pages.ts'
import { type Carrier, sidecarCarriers } from '../cluster/sidecars.ts'
import { findPolicies, findRemovals, type Removal } from '../cluster/uninstall.ts'
import { VERSION } from '../version.ts'
import { EXIT, Exit, examples, type Io, type Register } from './command.ts'

interface Options {
  readonly yes?: boolean
  readonly dryRun?: boolean
  readonly wait: boolean
  readonly timeout: string
  readonly kubeconfig?: string
  readonly context?: string
}

const POLL_MS = 500
/** Names that one line bears. */
const SHOWN = 10

export const register: Register = (program, io) => {
  program
    .command('uninstall')
    .description('take Sekisho out of a cluster, in the right order')
    .option('--dry-run', 'only list what would be removed')
    .option('-y, --yes', 'do not ask')
    .option('--no-wait', 'do not wait until the namespaces are gone')
    .option('--timeout <seconds>', 'how long all of it may take', '300')
    .option('--kubeconfig <file>', 'kubeconfig; without it KUBECONFIG or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig')
    .addHelpText('after', examples('sekisho uninstall --dry-run', 'sekisho uninstall --yes'))
    .action(async (options: Options) => {
      const seconds = Number(options.timeout)
      if (!(seconds > 0))
        throw new Exit(EXIT.usage, `Cannot wait for '${options.timeout}' s: --timeout must be a number above 0.`)
      const access = await findAccess(options)
      const client = createApiClient(access, `sekisho-uninstall/${VERSION}`)
      try {
        await uninstall(client, access.server.host, options, io, AbortSignal.timeout(seconds * 1000))
      } finally {
        client.close()
      }
    })
}

async function uninstall(
  client: ApiClient,
  host: string,
  options: Options,
  io: Io,
  signal: AbortSignal,
): Promise<void> {
  const say = (line: string) => void io.stdout.write(`${line}\n`)
  const removals = await findRemovals(client, signal)
  const carriers = await sidecarCarriers(client, signal)
  if (removals.length === 0) {
    say(`Nothing of Sekisho is installed at ${host}.`)
    return tellWhatIsLeft(client, carriers, say, signal)
  }
  if (options.dryRun || !options.yes) {
    say(`From ${host} would go, in this order:`)
    for (const { step, what } of removals) say(`  ${step}: ${what}`)
    await tellOfPolicies(client, say, signal)
  }
  if (options.dryRun) return tellWhatIsLeft(client, carriers, say, signal)
  if (!options.yes) await mustAgree(io)
  await remove(removals, say, signal)
  if (options.wait) await untilGone(client, say, signal)
  await tellWhatIsLeft(client, carriers, say, signal)
}

/** What teams wrote goes with its definition, and nobody can write it again for them. */
async function tellOfPolicies(client: ApiClient, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const policies = await findPolicies(client, signal)
  if (policies.length === 0) return
  const shown = policies.slice(0, SHOWN).join(', ')
  const more = policies.length > SHOWN ? ` and ${policies.length - SHOWN} more` : ''
  say(`With their definition go the WafPolicies that teams wrote: ${shown}${more}. To keep a copy first:`)
  say('  kubectl get wafpolicies -A -o yaml > wafpolicies.yaml')
}

async function mustAgree(io: Io): Promise<void> {
  if ((io.stdin as { isTTY?: boolean }).isTTY !== true)
    throw new Exit(EXIT.usage, 'Cannot ask whether to go on, as stdin is no terminal: give --yes.')
  const lines = createInterface({ input: io.stdin, output: io.stdout })
  const answer = await lines.question('Remove all of it? Namespaces are no longer protected then. [y/N] ')
  lines.close()
  if (!/^y(es)?$/i.test(answer.trim())) throw new Exit(EXIT.refused, 'Nothing was removed.')
}

/** Steps one after the other; within a step the order does not matter, but the list stays readable. */
async function remove(removals: readonly Removal[], say: (line: string) => void, signal: AbortSignal): Promise<void> {
  for (const [i, { what, run }] of removals.entries()) {
    try {
      await run(signal)
    } catch (error) {
      const done = `${i} of ${removals.length} are removed; running it again goes on from here`
      throw new Exit(EXIT.failed, `Cannot remove ${what}: ${(error as Error).message}\n${done}.`, { cause: error })
    }
    say(`[${i + 1}/${removals.length}] removed ${what}`)
  }
}

async function untilGone(client: ApiClient, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  let told = ''
  for (;;) {
    const left = (await findRemovals(client, signal)).map(({ what }) => what)
    if (left.length === 0) return
    const line = `waiting for ${left.length}: ${left.slice(0, 3).join(', ')}`
    if (line !== told) say(line)
    told = line
    try {
      await sleep(POLL_MS, undefined, { signal })
    } catch {
      throw new Exit(
        EXIT.failed,
        `Not gone in time: ${left.join(', ')}. kubectl get namespace NAME -o yaml says what holds it.`,
      )
    }
  }
}

async function tellWhatIsLeft(
  client: ApiClient,
  carriers: readonly Carrier[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const labelled: string[] = []
  for await (const { metadata } of listAll<{ metadata: { name: string; labels?: Record<string, string> } }>(
    client,
    '/api/v1/namespaces',
    { signal },
  ))
    if (Object.keys(metadata.labels ?? {}).some((key) => key.startsWith('sekisho.dev/'))) labelled.push(metadata.name)
  if (labelled.length > 0)
    say(`These namespaces keep their sekisho.dev/ labels, which mean nothing without Sekisho: ${labelled.join(', ')}`)
  if (carriers.length === 0) return
  say('These Pods still carry sidecars, which go on as they are; each line makes them anew without:')
  for (const { command } of carriers) say(`  ${command}`)
}
