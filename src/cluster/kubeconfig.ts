/** Access by a kubeconfig, with everything one can hold: client certificates, tokens, exec plugins, OIDC, proxies. */
import type { Agent, RequestOptions } from 'node:https'
import { KubeConfig } from '@kubernetes/client-node'
import type { Access, AccessOptions } from './credentials.ts'

/** @throws with what is wrong with the kubeconfig. */
export async function kubeconfigAccess({ kubeconfig, context }: AccessOptions): Promise<Access> {
  const config = new KubeConfig()
  if (kubeconfig === undefined) config.loadFromDefault()
  else load(config, kubeconfig)
  if (context !== undefined) {
    const known = config.getContexts().map(({ name }) => name)
    if (!known.includes(context))
      throw new Error(
        `Cannot use the context ${JSON.stringify(context)}: the kubeconfig knows ${known.join(', ') || 'none'}`,
      )
    config.setCurrentContext(context)
  }
  const cluster = config.getCurrentCluster()
  if (cluster === null)
    throw new Error('Cannot find a cluster: the kubeconfig has no current context; name one with --context')
  const apply = async (): Promise<RequestOptions> => {
    const applied: RequestOptions & { headers: Record<string, string> } = { headers: {} }
    await config.applyToHTTPSOptions(applied as never)
    return applied
  }
  const first = await apply()
  const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized } = first
  const tls = Object.fromEntries(
    Object.entries({ ca, cert, key, pfx, passphrase, servername, rejectUnauthorized }).filter(
      ([, value]) => value !== undefined,
    ),
  )
  const proxied = cluster.proxyUrl !== undefined && cluster.proxyUrl !== ''
  return {
    server: new URL(cluster.server),
    tls,
    ...(proxied && first.agent && { agent: first.agent as Agent }),
    headers: async () => {
      const { headers, auth } = await apply()
      const basic = auth ? { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {}
      return { ...(headers as Record<string, string>), ...basic }
    },
  }
}

/** A file that is none would be quoted whole in the parser's words; it may hold keys, and bytes that harm a terminal. */
function load(config: KubeConfig, path: string): void {
  try {
    config.loadFromFile(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === undefined ? 'it is not a kubeconfig' : code === 'ENOENT' ? 'there is no such file' : code
    throw new Error(`Cannot read the kubeconfig ${JSON.stringify(path)}: ${why}`)
  }
}
