/** The verdict about a namespace, from what the request means and from what was looked up for it. */
import { LABEL, POD_SECURITY_ENFORCE } from '../api/names.ts'
import { allow, deny, type Verdict } from '../api/verdict.ts'
import { uncovered } from './blind-nodes.ts'
import type { Coverage } from './coverage.ts'
import { type NamespaceChange, type NamespaceRequest, namespaceChange } from './namespace-change.ts'
import type { Fault } from './namespace-keys.ts'
import { overrideWarning, waivedReason } from './overrides.ts'
import { enforced, forbidsHostNetwork } from './pod-security.ts'
import { refusal, some, type Words, warning } from './wording.ts'

type Judged = Extract<NamespaceChange, { kind: 'judge' }>

/** What has to be looked up before a verdict can be given. */
export interface Needs {
  readonly coverage: boolean
  readonly hostNetworkPods: boolean
  readonly mayOpen: boolean
}

export const namespaceNeeds = (change: NamespaceChange): Needs => {
  const judged = change.kind === 'judge' && change.faults.length === 0
  return {
    coverage: judged && change.conditions,
    hostNetworkPods: judged && change.conditions && change.exists,
    mayOpen: judged && change.openings.length > 0,
  }
}

export interface NamespaceFacts {
  readonly coverage?: Coverage
  /** Names of the Pods on hostNetwork that are there now. */
  readonly hostNetworkPods?: readonly string[]
  readonly mayOpen?: boolean
}

/**
 * Judges a request about a namespace.
 * @throws if a fact is missing that `namespaceNeeds` asks for: what is not known is never a yes.
 */
export function judgeNamespace(request: NamespaceRequest, facts: NamespaceFacts): Verdict {
  const change = namespaceChange(request)
  if (change.kind === 'pass') return allow('NotConcerned', change.detail)
  const told = [...change.warnings.map(warning), ...change.overrides.map((one) => overrideWarning(change.name, one))]
  const [fault] = change.faults
  if (fault !== undefined) return deny(fault.code, refusal(fault), [...told, ...change.faults.slice(1).map(warning)])
  if (change.openings.length > 0 && !known(facts.mayOpen, 'whether the user may open'))
    return mayNotOpen(change, request.user.username, told)

  const unmet = change.conditions ? conditions(change, facts) : []
  const waived = unmet.filter(({ code }) => change.overrides.length > 0 && isCoverage(code))
  const standing = unmet.filter((one) => !waived.includes(one))
  const [first, ...others] = standing
  if (change.protection === 'audit' && change.conditions)
    return {
      ...allow('AuditOnly', `namespace ${change.name} is in audit: ${unmet.length} conditions unmet`, [
        ...told,
        ...unmet.map(auditWarning),
      ]),
      wouldRefuse: unmet.map(({ code }) => code),
    }
  if (first !== undefined) return deny(first.code, refusal(first), [...told, ...others.map(warning)])
  if (waived.length > 0) {
    const last = Math.max(...change.overrides.map(({ until }) => until))
    const why = change.overrides.map((one) => one.why).join('; ')
    const detail = `namespace ${change.name} is admitted uncovered until ${new Date(last).toISOString()}: ${why}`
    return allow(waivedReason(change.overrides), detail, [
      ...told,
      ...waived.map((one) => `admitted all the same: ${warning(one)}`),
    ])
  }
  if (change.openings.length > 0) {
    const detail = `${request.user.username} opens namespace ${change.name}: ${change.openings.join(', ')}`
    return allow('Opened', detail, [
      ...told,
      `namespace ${change.name}: this change ${change.openings.join(', and ')}: it is less protected than before`,
    ])
  }
  if (change.conditions)
    return allow('Protected', `namespace ${change.name} is protected: ${covered(facts.coverage)}`, told)
  return allow('Accepted', `namespace ${change.name}: nothing is opened`, told)
}

const isCoverage = (code: string) => code === 'NoNodes' || code === 'NoNodesSelected' || code === 'NodesNotCovered'
const covered = (of: Coverage | undefined) =>
  of?.reason === 'NoNodesYet' ? 'no node yet' : `${of?.reach ?? 0} nodes in reach`
const auditWarning = (fault: Fault) => `would be refused with ${LABEL.protected}: "true": ${warning(fault)}`

function known<T>(fact: T | undefined, what: string): T {
  if (fact === undefined) throw new Error(`Cannot judge the namespace: it was not looked up ${what}`)
  return fact
}

/** What stands against protecting it: coverage first, then what its Pods may do, then what they do. */
function conditions(change: Judged, facts: NamespaceFacts): Fault[] {
  const { name } = change
  const unmet: Fault[] = []
  const found = known(facts.coverage, 'which nodes are covered')
  if (!found.covered) {
    const many = found.blind.length
    const what =
      found.reason === 'NodesNotCovered'
        ? `namespace ${name} is refused: ${many} of the ${found.reach} nodes its Pods can run on ${many === 1 ? 'is' : 'are'} blind`
        : `namespace ${name} is refused: no node is covered`
    unmet.push({
      code: found.reason === 'NoNodes' || found.reason === 'NoNodesSelected' ? found.reason : 'NodesNotCovered',
      what,
      ...uncovered(found, name),
    })
  }
  if (!forbidsHostNetwork(change.labels)) unmet.push(podSecurity(change))
  const pods = change.exists ? known(facts.hostNetworkPods, 'which Pods are on hostNetwork') : []
  if (pods.length > 0)
    unmet.push({
      code: 'HostNetworkPods',
      what: `namespace ${name} is refused: ${some(pods, pods.length === 2 ? 'other Pod' : 'other Pods')} ${pods.length === 1 ? 'is' : 'are'} on hostNetwork`,
      why: "their traffic is the node's: neither the WAF nor the IDS can tell it apart",
      mend: `move or delete what this lists: kubectl -n ${name} get pods --field-selector spec.hostNetwork=true`,
    })
  return unmet
}

function podSecurity(change: Judged): Fault {
  const level = enforced(change.labels)
  const pair = `${POD_SECURITY_ENFORCE}=restricted`
  return {
    code: level === undefined ? 'PodSecurityMissing' : 'PodSecurityUnsafe',
    what: `namespace ${change.name} is refused: its Pods could use hostNetwork`,
    why:
      level === undefined
        ? `it enforces no Pod Security level (${POD_SECURITY_ENFORCE} is absent)`
        : `${POD_SECURITY_ENFORCE} is ${JSON.stringify(level.slice(0, 80))}, and only "baseline" and "restricted" forbid it`,
    mend: change.exists
      ? `kubectl label namespace ${change.name}${level === undefined ? '' : ' --overwrite'} ${pair}`
      : `kubectl label --local -f FILE -o yaml ${level === undefined ? '' : '--overwrite '}${pair} | kubectl apply -f -`,
  }
}

function mayNotOpen(change: Judged, user: string, told: readonly string[]): Verdict {
  const words: Words = {
    what: `namespace ${change.name} is refused: this change ${change.openings.join(', and ')}`,
    why: `it takes protection away, and ${user} has no right to (verb open on wafpolicies.sekisho.dev)`,
    mend: `leave it as it is, or ask somebody for whom this says yes: kubectl -n ${change.name} auth can-i open wafpolicies.sekisho.dev`,
  }
  return deny('MayNotOpen', refusal(words), told)
}
