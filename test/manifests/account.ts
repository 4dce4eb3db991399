import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import type { Cluster } from '../cluster/cluster.ts'

/** A kubeconfig with the token of a ServiceAccount and nothing else. */
export const kubeconfigOf = async (cluster: Cluster, work: string, account: string): Promise<string> => {
  const config = parse(await cluster.adminKubeConfigText) as { users: { user: object }[] }
  const token = (await cluster.kubectlOk(['-n', 'sekisho-system', 'create', 'token', account])).trim()
  config.users[0]!.user = { token }
  const file = join(work, `${account}.kubeconfig`)
  writeFileSync(file, stringify(config))
  return file
}
