/**
 * `sekisho status coverage`: which nodes the IDS proves to see, which namespaces that makes safe, and what cannot be seen. It reads and
 * writes nothing, and judges by the very function of the gate. Exit code 1 where a protected namespace is not covered.
 */
import { type Command, Option } from 'commander'
import { LABEL } from '../api/names.ts'
import { findAccess } from '../cluster/access.ts'
import { type ApiClient, createApiClient } from '../cluster/api-client.ts'
import { readAddresses, readIdsFlows, readNamespaces, readSensorCounts } from '../cluster/coverage-facts.ts'
import { snapshot } from '../cluster/snapshot.ts'
import type { GuardSettings } from '../config/webhook.ts'
import { coverageTable } from '../guard/coverage-table.ts'
import { tlsShares } from '../guard/tls-share.ts'
import { VERSION } from '../version.ts'
import { EXIT, Exit, examples, type Io } from './command.ts'
import { guardSettingsOf } from './guard-settings.ts'
import { type CoverageStatus, inLines, type NamespaceStatus } from './status-coverage-lines.ts'

interface Options {
  readonly all?: boolean
  readonly config?: string
  readonly kubeconfig?: string
  readonly context?: string
  readonly output: 'text' | 'json'
}

const TIMEOUT_MS = 120_000

async function look(client: ApiClient, settings: GuardSettings): Promise<CoverageStatus> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const [reader, labelled, flows, sensors] = await Promise.all([
    snapshot(client, settings, signal),
    readNamespaces(client, 'protected', signal),
    readIdsFlows(client, settings, signal),
    readSensorCounts(client, settings, signal),
  ])
  const concerned = labelled.filter(({ labels }) => ['true', 'audit'].includes(labels[LABEL.protected] ?? ''))
  const [nodes, idsPods, daemonSet] = [reader.nodes(), reader.idsPods(), reader.idsDaemonSet()]
  const table = coverageTable({
    nodes,
    idsPods,
    daemonSet,
    replaced: reader.replaced(),
    leases: reader.idsLeases(),
    namespaces: concerned,
    settings,
    now: Date.now(),
  })
  // Only what the very IDS Pod of a node counted is counted here.
  const counted = table.nodes.flatMap(({ node, pod }) => {
    const one = flows.get(node)
    return one !== undefined && one.pod === pod ? [one.flows] : []
  })
  const names = new Set(concerned.map(({ name }) => name))
  const addresses = counted.length === 0 || names.size === 0 ? undefined : await readAddresses(client, names, signal)
  const shares = addresses && tlsShares(counted, (address) => addresses.get(address))
  const versions = Map.groupBy(
    table.nodes.filter(({ pod }) => pod !== ''),
    ({ report }) => report?.version ?? '',
  )
  return {
    sensors: {
      daemonSet: `${settings.idsNamespace}/${settings.idsDaemonSet}`,
      exists: sensors !== undefined,
      ...(sensors ?? { desired: 0, ready: 0, updated: 0, unavailable: 0 }),
      versions: [...versions]
        .map(([version, rows]) => ({ version, nodes: rows.length }))
        .toSorted((a, b) => b.nodes - a.nodes),
    },
    nodes: table.nodes,
    namespaces: table.namespaces.map((row): NamespaceStatus => {
      const share = shares?.get(row.namespace)
      return share === undefined ? row : { ...row, flows: share }
    }),
    flowMinutes: Math.max(0, ...counted.map(({ minutes }) => minutes)),
    blindSpots: table.blindSpots,
  }
}

export const registerStatusCoverage = (status: Command, io: Io): void => {
  status
    .command('coverage')
    .description('say which nodes the IDS proves to see, and which namespaces are covered')
    .option('--all', 'every node and namespace by itself; without it alike ones are one line')
    .option('--config <file>', 'the webhook’s configuration, where its guard differs from the defaults')
    .option('--kubeconfig <file>', 'kubeconfig; without it KUBECONFIG or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig')
    .addOption(new Option('-o, --output <format>', '`json` for machines').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `${examples('sekisho status coverage', 'sekisho status coverage --all', 'sekisho status coverage -o json | jq \'.nodes[] | select(.state == "blind")\'')}
Exit codes: 0 every protected namespace is covered, 1 one is not, 2 not tried, 3 the cluster could not be read.\n`,
    )
    .action(async (options: Options) => {
      const settings = guardSettingsOf(options.config)
      const client = createApiClient(await findAccess(options), `sekisho-status/${VERSION}`)
      try {
        const told = await look(client, settings)
        io.stdout.write(
          options.output === 'json' ? `${JSON.stringify(told)}\n` : inLines(told, Date.now(), options.all === true),
        )
        if (told.namespaces.some(({ protection, isCovered }) => protection === 'true' && !isCovered))
          throw new Exit(EXIT.refused)
      } finally {
        client.close()
      }
    })
}
