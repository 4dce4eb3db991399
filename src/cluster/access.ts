/**
 * Where the API server is, and as whom we speak to it.
 * In a Pod this takes an environment variable and two files. For a kubeconfig @kubernetes/client-node does it (exec plugins, OIDC, proxies);
 * it is imported only then, because it costs the webhook 30 MiB of memory that its watches have a better use for.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import type { Access, AccessOptions } from './credentials.ts'

export type { Access, AccessOptions } from './credentials.ts'

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

/** A file of its own, so that what it imports is loaded only here and only as far as it is used. */
const ofKubeconfig = async (options: AccessOptions): Promise<Access> =>
  (await import('./kubeconfig.ts')).kubeconfigAccess(options)
