/**
 * The Store of a real cluster: six requests. A write carries the resourceVersion it was decided on, in a merge patch as
 * it is and in a JSON patch as a `replace` of it; either way the API server answers 409 if the object has changed since.
 */
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { findAccess } from '../src/cluster/access.ts'
import { ApiError, createApiClient } from '../src/cluster/api-client.ts'
import { CertsError } from './reasons.ts'
import { type ConfigurationRead, Conflict, type SecretRead, type Store } from './store.ts'
import type { ConfigurationKind } from './view.ts'

export interface Connect {
  /** Path of a kubeconfig; absent: the Pod's ServiceAccount, else KUBECONFIG or the home folder's. */
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
  readonly namespace: string
  readonly userAgent: string
}

/** Answers worth another try by themselves: an API server that starts, stops or is busy. */
const PASSING: ReadonlySet<number> = new Set([429, 500, 502, 503, 504])
const TRIES = 5
const FIRST_PAUSE_MS = 500
const MERGE = 'application/merge-patch+json'
const JSON_PATCH = 'application/json-patch+json'
const QUERY = { fieldManager: 'sekisho-certs' }
const PLURAL: Readonly<Record<ConfigurationKind, string>> = {
  MutatingWebhookConfiguration: 'mutatingwebhookconfigurations',
  ValidatingWebhookConfiguration: 'validatingwebhookconfigurations',
}

interface SecretObject {
  readonly metadata: { readonly resourceVersion: string }
  readonly data?: Readonly<Record<string, string>> | null
}
interface ConfigurationObject {
  readonly metadata: { readonly resourceVersion: string }
  readonly webhooks?: readonly { readonly name: string; readonly clientConfig: { readonly caBundle?: string } }[] | null
}

const decode = (base64 = ''): string => Buffer.from(base64, 'base64').toString('utf8')
const encode = (plain: string): string => Buffer.from(plain, 'utf8').toString('base64')

/** What an error of one request means for the run; null where trying again may help. */
const meaning = (what: string, error: unknown): Error | null => {
  if (!(error instanceof ApiError)) return null
  const { status, message } = error
  if (status === 409) return new Conflict(`${what}: ${message}`)
  if (status === 401 || status === 403) return new CertsError('NotPermitted', `${what} (${message})`, { cause: error })
  if (PASSING.has(status)) return null
  return new CertsError('ServerFault', `${what}: the API server answers ${status}: ${message}`, { cause: error })
}

/** Opens the cluster. @throws CertsError `Unreachable` where no way to it is found. */
export const connect = async (how: Connect): Promise<Store & { close(): void }> => {
  const { kubeconfig, context, namespace, userAgent } = how
  const access = await findAccess({ ...(kubeconfig && { kubeconfig }), ...(context && { context }) }).catch(
    (cause: unknown) => {
      throw new CertsError('Unreachable', cause instanceof Error ? cause.message : String(cause), { cause })
    },
  )
  const client = createApiClient(access, userAgent)
  let serverTime: number | null = null

  const patiently = async <T>(what: string, signal: AbortSignal, once: () => Promise<T>): Promise<T> => {
    for (let tried = 1; ; tried += 1) {
      try {
        return await once()
      } catch (error) {
        signal.throwIfAborted()
        const meant = meaning(what, error)
        if (meant) throw meant
        const why = error instanceof Error ? error.message : String(error)
        if (tried === TRIES)
          throw new CertsError('Unreachable', `${access.server.origin} to ${what}: ${why}`, { cause: error })
      }
      // A write whose answer was lost may have happened: then the next try is a Conflict, and a new look.
      await sleep(FIRST_PAUSE_MS * 2 ** (tried - 1) * (0.5 + Math.random()), undefined, { signal })
    }
  }

  /** Null where there is no such object. Keeps the answer's `Date`: the clock of who verifies our certificates. */
  const get = <T>(what: string, path: string, signal: AbortSignal): Promise<T | null> =>
    patiently(what, signal, async () => {
      try {
        const response = await client.open(path, { signal })
        const date = Date.parse(response.headers.date ?? '')
        if (!Number.isNaN(date)) serverTime = date
        return JSON.parse(await text(response)) as T
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null
        throw error
      }
    })

  const patch = (what: string, path: string, contentType: string, body: unknown, signal: AbortSignal) =>
    patiently(what, signal, () => client.request('PATCH', path, { signal, contentType, body, query: QUERY }))

  const secretPath = (name: string) => `/api/v1/namespaces/${namespace}/secrets/${name}`
  const configMapPath = (name: string) => `/api/v1/namespaces/${namespace}/configmaps/${name}`
  const configurationPath = (kind: ConfigurationKind, name: string) =>
    `/apis/admissionregistration.k8s.io/v1/${PLURAL[kind]}/${name}`

  return {
    readSecret: async (name, signal): Promise<SecretRead> => {
      const secret = await get<SecretObject>(`get Secret ${name}`, secretPath(name), signal)
      if (secret === null) throw new CertsError('SecretMissing', `${namespace}/${name}`)
      const data = Object.entries(secret.data ?? {}).map(([key, value]) => [key, decode(value)])
      return { resourceVersion: secret.metadata.resourceVersion, data: Object.fromEntries(data) }
    },
    writeSecret: async (name, { resourceVersion }, data, signal): Promise<void> => {
      const encoded = Object.entries(data).map(([key, plain]) => [key, plain === null ? null : encode(plain)])
      const body = { metadata: { resourceVersion }, data: Object.fromEntries(encoded) }
      await patch(`patch Secret ${name}`, secretPath(name), MERGE, body, signal)
    },
    readConfigMap: async (name, signal): Promise<SecretRead> => {
      const found = await get<SecretObject>(`get ConfigMap ${name}`, configMapPath(name), signal)
      if (found === null) throw new CertsError('ConfigMapMissing', `${namespace}/${name}`)
      return { resourceVersion: found.metadata.resourceVersion, data: found.data ?? {} }
    },
    writeConfigMap: async (name, { resourceVersion }, data, signal): Promise<void> => {
      const body = { metadata: { resourceVersion }, data }
      await patch(`patch ConfigMap ${name}`, configMapPath(name), MERGE, body, signal)
    },
    readConfiguration: async (kind, name, signal): Promise<ConfigurationRead | null> => {
      const read = await get<ConfigurationObject>(`get ${kind} ${name}`, configurationPath(kind, name), signal)
      if (read === null) return null
      const entries = (read.webhooks ?? []).map((each) => ({
        name: each.name,
        caBundle: decode(each.clientConfig.caBundle),
      }))
      return { resourceVersion: read.metadata.resourceVersion, entries }
    },
    writeCaBundle: async (kind, name, { resourceVersion, entries }, bundle, signal): Promise<void> => {
      const value = encode(bundle)
      const body = [
        { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
        ...entries.map((_, index) => ({ op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value })),
      ]
      await patch(`patch ${kind} ${name}`, configurationPath(kind, name), JSON_PATCH, body, signal)
    },
    serverTime: () => serverTime,
    close: () => client.close(),
  }
}
