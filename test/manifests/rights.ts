/** What the manifests grant a ServiceAccount, beside what the audit log says it called. */
import type { Test } from 'tap'
import type { Cluster } from '../cluster/cluster.ts'
import { BASE, objectsOf, render } from './render.ts'

const objects = objectsOf(await render(BASE))

/** One right: a verb on a resource, or on a path that is none; `*` where a namespace or name does not limit it. */
interface Right {
  readonly namespace: string
  readonly resource: string
  readonly name: string
  readonly verb: string
}
interface Rule {
  readonly apiGroups: string[]
  readonly resources?: string[]
  readonly nonResourceURLs?: string[]
  readonly resourceNames?: string[]
  readonly verbs: string[]
}
const said = ({ verb, resource, name, namespace }: Right) => `${verb} ${resource} ${name} in ${namespace}`

const grantedTo = (account: string): Right[] =>
  objects
    .filter(({ kind }) => kind === 'RoleBinding' || kind === 'ClusterRoleBinding')
    .filter((binding) => (binding['subjects'] as { name: string }[]).some(({ name }) => name === account))
    .flatMap((binding) => {
      const ref = binding['roleRef'] as { kind: string; name: string }
      const namespace = binding.metadata?.namespace ?? '*'
      const role = objects.find(
        ({ kind, metadata }) =>
          kind === ref.kind && metadata?.name === ref.name && (metadata.namespace ?? '*') === namespace,
      )
      return (role!['rules'] as Rule[]).flatMap((rule) =>
        [...(rule.resources ?? []), ...(rule.nonResourceURLs ?? [])].flatMap((resource) =>
          (rule.resourceNames ?? ['*']).flatMap((name) =>
            rule.verbs.map((verb) => ({ namespace, resource, name, verb })),
          ),
        ),
      )
    })

interface AuditEvent {
  readonly verb: string
  readonly user: { readonly username: string }
  readonly objectRef?: {
    readonly resource: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
  }
  readonly responseStatus?: { readonly code: number }
  readonly requestURI: string
  readonly userAgent?: string
}
const allows = (granted: Right, { verb, objectRef, requestURI }: AuditEvent): boolean => {
  if (granted.resource.startsWith('/')) return granted.verb === verb && granted.resource === requestURI
  if (objectRef === undefined) return false
  const { resource, subresource, namespace, name } = objectRef
  return (
    granted.verb === verb &&
    granted.resource === (subresource === undefined ? resource : `${resource}/${subresource}`) &&
    (granted.namespace === '*' || granted.namespace === namespace) &&
    (granted.name === '*' || granted.name === name)
  )
}

/**
 * Both ways, after all that the account is for was done. The cluster must have an audit log.
 * @param agent where the test itself calls with the account's token: how the program's own calls begin to name who they are
 */
export const compareRights = async (t: Test, cluster: Cluster, account: string, agent = ''): Promise<void> => {
  const user = `system:serviceaccount:sekisho-system:${account}`
  const events = ((await cluster.auditLog()) as unknown as AuditEvent[]).filter(
    (event) => event.user.username === user && (event.userAgent ?? '').startsWith(agent),
  )
  const rights = grantedTo(account)
  t.ok(events.length > 0 && rights.length > 0)
  t.same(
    events
      .filter((event) => event.responseStatus?.code === 403 || !rights.some((right) => allows(right, event)))
      .map(({ verb, requestURI }) => `${verb} ${requestURI}`),
    [],
    `${account} calls nothing that is not granted`,
  )
  t.same(
    rights.filter((right) => !events.some((event) => allows(right, event))).map(said),
    [],
    `${account} is granted nothing that is not called`,
  )
}
