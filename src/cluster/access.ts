/**
 * Where the API server is, and as whom we speak to it.
 * In a Pod this takes an environment variable and two files. For a kubeconfig @kubernetes/client-node does it (exec plugins, OIDC, proxies);
 * it is imported only then, because it costs the webhook 30 MiB of memory that its watches have a better use for.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Agent, RequestOptions } from 'node:https'
import { isIPv6 } from 'node:net'

export interface Access {
  readonly server: URL
  /** Trust and client certificate, for the connections. */
  readonly tls: Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'servername' | 'rejectUnauthorized'>
  /** An agent that must be used, where a proxy lies between. */
  readonly agent?: Agent
  /** @param again the last answer was 401: do not use what is remembered. */
  readonly headers: (again?: boolean) => Promise<Readonly<Record<string, string>>>
}

export interface AccessOptions {
  readonly kubeconfig?: string
  readonly context?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Where a Pod's token and CA are. */
  readonly serviceAccountDirectory?: string
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
/** The kubelet renews a token when 80 % of its life is over, so once a minute is soon enough; client-go does the same. */
const TOKEN_AGE_MS = 60_000

/**
 * Finds the way to the API server: the kubeconfig named, else the Pod's own service account, else the usual kubeconfig.
 * @throws with what was looked for, where there is none.
 */
export async function findAccess(options: AccessOptions = {}): Promise<Access> {
  const env = options.env ?? process.env
  const directory = options.serviceAccountDirectory ?? SERVICE_ACCOUNT
  const named = options.kubeconfig !== undefined || options.context !== undefined
  const host = env['KUBERNETES_SERVICE_HOST']
  if (!named && host && existsSync(`${directory}/token`))
    return ofServiceAccount(host, env['KUBERNETES_SERVICE_PORT'] ?? '443', directory)
  return ofKubeconfig(options)
}

async function ofServiceAccount(host: string, port: string, directory: string): Promise<Access> {
  let token = ''
  let readAt = Number.NEGATIVE_INFINITY
  return {
    server: new URL(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`),
    tls: { ca: await readFile(`${directory}/ca.crt`) },
    headers: async (again = false) => {
      if (again || performance.now() - readAt > TOKEN_AGE_MS) {
        token = (await readFile(`${directory}/token`, 'utf8')).trim()
        readAt = performance.now()
      }
      return { authorization: `Bearer ${token}` }
    },
  }
}

async function ofKubeconfig({ kubeconfig, context }: AccessOptions): Promise<Access> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  if (kubeconfig === undefined) config.loadFromDefault()
  else config.loadFromFile(kubeconfig)
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
