/**
 * The status of WafPolicies, written by the leader: by server-side apply on the subresource, only where something of it is another, and for one
 * object at most every two seconds, however much its Pods say.
 */
import { WAF_POLICY, type WafPolicy, type WafPolicyStatus } from '../../api/waf-policy.ts'
import { type ApiClient, ApiError } from '../../cluster/api-client.ts'
import type { Log } from '../../cluster/log.ts'
import type { PolicyFacts } from '../policy/status.ts'
import { statusOf } from '../policy/status.ts'
import { canonical } from './hash.ts'

export const FIELD_MANAGER = 'sekisho-rules'

export interface StatusWriterOptions {
  readonly client: ApiClient
  readonly policiesOf: (namespace: string) => readonly WafPolicy[]
  readonly factsOf: (policy: WafPolicy) => PolicyFacts
  readonly leads: () => boolean
  readonly now: () => number
  readonly log: Log
  readonly enforced: (policy: WafPolicy, message: string) => void
  readonly failed: () => void
}
export interface StatusWriter {
  /** Something of the namespace may be another now. */
  look(namespace: string): void
  /** One round; called often. */
  round(signal: AbortSignal): Promise<void>
}

const APART_MS = 2_000
/** Of one round: the API server has others to serve. */
const MOST_AT_ONCE = 20

export function createStatusWriter(options: StatusWriterOptions): StatusWriter {
  const { client, now, log } = options
  const dirty = new Set<string>()
  /** By uid: when it was written, and what. The watch tells ours only a moment later. */
  const written = new Map<string, { at: number; text: string; status: WafPolicyStatus }>()

  const write = async (policy: WafPolicy, signal: AbortSignal): Promise<boolean> => {
    const last = written.get(policy.uid)
    const before = last?.status ?? policy.status
    const status = statusOf({ ...policy, status: before }, options.factsOf(policy), now())
    const text = canonical(status)
    if (text === (last?.text ?? canonical(policy.status))) return true
    if (last !== undefined && now() - last.at < APART_MS) return false
    const { group, version, kind, plural } = WAF_POLICY
    const { namespace, name, uid } = policy
    const path = `/apis/${group}/${version}/namespaces/${namespace}/${plural}/${name}/status`
    // With the uid, so that a policy that was deleted is not made anew.
    const body = { apiVersion: `${group}/${version}`, kind, metadata: { namespace, name, uid }, status }
    written.set(uid, { at: now(), text, status })
    try {
      const query = { fieldManager: FIELD_MANAGER, force: true }
      await client.request('PATCH', path, { body, query, signal, contentType: 'application/apply-patch+yaml' })
    } catch (error) {
      if (last === undefined) written.delete(uid)
      else written.set(uid, { ...last, at: now() })
      throw error
    }
    const enforced = (one: WafPolicyStatus) => one.conditions?.find(({ type }) => type === 'Enforced')
    const is = enforced(status)
    if (is?.status === 'True' && enforced(before)?.status !== 'True') options.enforced(policy, is.message)
    return true
  }

  return {
    look: (namespace) => void dirty.add(namespace),
    round: async (signal) => {
      if (!options.leads()) {
        dirty.clear()
        written.clear()
        return
      }
      const namespaces = [...dirty].slice(0, MOST_AT_ONCE)
      await Promise.all(
        namespaces.map(async (namespace) => {
          dirty.delete(namespace)
          for (const policy of options.policiesOf(namespace))
            try {
              if (!(await write(policy, signal))) dirty.add(namespace)
            } catch (error) {
              if (signal.aborted || (error instanceof ApiError && (error.status === 404 || error.status === 409)))
                continue
              dirty.add(namespace)
              options.failed()
              log.warn(
                { 'k8s.namespace.name': namespace, 'k8s.object.name': policy.name, err: error },
                'the status of a WafPolicy could not be written',
              )
            }
        }),
      )
      if (written.size > 50_000) written.clear()
    },
  }
}
