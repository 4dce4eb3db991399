/**
 * What is kept in ConfigMaps of our own namespace: no database beside the cluster's.
 *
 *     watch ─▶ the newest known of each, by name ─▶ read from memory
 *     write(name, change) ─▶ PUT with the resourceVersion that was read ─▶ 409: read again, change again
 *
 * A write that is made on what somebody else has changed meanwhile is refused by the API server, so of two leaders one always sees the other.
 */
import { type ApiClient, ApiError } from '../../cluster/api-client.ts'
import { type KeptView, projectKept } from './project.ts'

export const KEPT_LABEL = { key: 'app.kubernetes.io/name', value: 'sekisho-rules' } as const
/** The API server takes no ConfigMap beyond 1 MiB; some of it are names and what the server adds. */
export const MOST_BYTES = 1024 * 1024 - 16 * 1024
const TRIES = 6

export interface Parts {
  readonly data?: Readonly<Record<string, string>>
  readonly binaryData?: Readonly<Record<string, Uint8Array>>
}

export class KeptTooLarge extends Error {
  override readonly name = 'KeptTooLarge'
}

export interface Kept {
  get(name: string): KeptView | undefined
  all(): readonly KeptView[]
  /**
   * Changes one, or makes it. `change` may be called several times; undefined leaves it as it is.
   * @throws {KeptTooLarge | ApiError}
   */
  write(name: string, change: (now: KeptView | undefined) => Parts | undefined): Promise<void>
  delete(name: string): Promise<void>
}

/** The later of two versions of one object. They are numbers that rise, which Kubernetes promises since 1.35 and etcd always gave. */
const isNewer = (a: KeptView, b: KeptView): boolean =>
  a.uid !== b.uid || BigInt(a.resourceVersion) > BigInt(b.resourceVersion)

export interface KeptOptions {
  readonly client: ApiClient
  readonly namespace: string
  readonly signal: AbortSignal
  /** Asked before each write: why there must be none. */
  readonly forbidden: () => string | undefined
  /** @param ours it is what we wrote, and nothing else */
  readonly changed: (name: string, ours: boolean) => void
}

export interface KeptSink {
  /** For a watch: what the API server said. */
  seen(view: KeptView): void
  gone(name: string): void
}

const bytesOf = ({ data = {}, binaryData = {} }: Parts): number => {
  let sum = 0
  for (const [key, text] of Object.entries(data)) sum += key.length + Buffer.byteLength(text)
  for (const [key, bytes] of Object.entries(binaryData)) sum += key.length + Math.ceil(bytes.length / 3) * 4
  return sum
}

export function createKept(options: KeptOptions): Kept & KeptSink {
  const { client, namespace, signal, changed } = options
  const views = new Map<string, KeptView>()
  const path = `/api/v1/namespaces/${namespace}/configmaps`

  const take = (view: KeptView, ours: boolean) => {
    const known = views.get(view.name)
    if (known !== undefined && !isNewer(view, known)) return
    views.set(view.name, view)
    changed(view.name, ours)
  }
  const seen = (view: KeptView) => take(view, false)
  const gone = (name: string) => {
    if (views.delete(name)) changed(name, false)
  }
  const reread = async (name: string): Promise<void> => {
    try {
      seen(projectKept(await client.request('GET', `${path}/${name}`, { signal })))
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error
      gone(name)
    }
  }
  const send = async (name: string, before: KeptView | undefined, parts: Parts): Promise<void> => {
    const why = options.forbidden()
    if (why !== undefined) throw new Error(`Cannot write ConfigMap ${namespace}/${name}: ${why}`)
    const body = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name,
        namespace,
        labels: { ...before?.labels, [KEPT_LABEL.key]: KEPT_LABEL.value },
        ...(before && { resourceVersion: before.resourceVersion, uid: before.uid }),
      },
      ...(parts.data && { data: parts.data }),
      binaryData: Object.fromEntries(
        Object.entries(parts.binaryData ?? {}).map(([key, bytes]) => [key, Buffer.from(bytes).toString('base64')]),
      ),
    }
    const answer = before
      ? await client.request<never>('PUT', `${path}/${name}`, { body, signal })
      : await client.request<never>('POST', path, { body, signal })
    take(projectKept(answer), true)
  }

  return {
    get: (name) => views.get(name),
    all: () => [...views.values()],
    seen,
    gone,
    write: async (name, change) => {
      for (let tries = 1; ; tries++) {
        const before = views.get(name)
        const parts = change(before)
        if (parts === undefined) return
        const size = bytesOf(parts)
        if (size > MOST_BYTES)
          throw new KeptTooLarge(
            `Cannot keep ConfigMap ${namespace}/${name}: ${size} bytes are more than the ${MOST_BYTES} that one takes`,
          )
        try {
          return await send(name, before, parts)
        } catch (error) {
          const again = error instanceof ApiError && (error.status === 409 || (error.status === 404 && before))
          if (!again || tries >= TRIES) throw error
          await reread(name)
        }
      }
    },
    delete: async (name) => {
      const before = views.get(name)
      if (before === undefined) return
      const why = options.forbidden()
      if (why !== undefined) throw new Error(`Cannot delete ConfigMap ${namespace}/${name}: ${why}`)
      const { uid, resourceVersion } = before
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } }
      try {
        await client.request('DELETE', `${path}/${name}`, { body, signal })
      } catch (error) {
        if (!(error instanceof ApiError && (error.status === 404 || error.status === 409))) throw error
        return reread(name)
      }
      gone(name)
    },
  }
}
