/**
 * Every reason the guard can give: a code to count, a sentence, a remedy.
 * docs/reference/guard-reasons.md shows the same table; a test compares the two. Details with names and commands are written where the
 * decision is made.
 */

export interface Reason {
  /** What the code means, for somebody who reads it in a log or a metric. */
  readonly sentence: string
  /** What mends it; `–` where nothing has to be mended. */
  readonly remedy: string
}

const NOTHING = '–'

/** Why a node is blind. */
export const BLIND_REASONS = {
  IdsMissing: {
    sentence: 'The IDS DaemonSet does not exist, so no node is watched.',
    remedy: 'Install the IDS: `kubectl apply -k` with the manifests that bring the DaemonSet.',
  },
  IdsBeingDeleted: {
    sentence: 'The IDS DaemonSet is being deleted, so its Pods are about to go.',
    remedy: 'Wait until it is gone, then install the IDS again.',
  },
  NodeUnsupported: {
    sentence: 'The node is virtual or does not run Linux: no IDS can watch it.',
    remedy: 'Hold the namespace to other nodes with the annotation `sekisho.dev/node-selector`.',
  },
  IdsNotOnHostNetwork: {
    sentence: 'The IDS Pod on the node is not on hostNetwork, so it sees only its own traffic.',
    remedy: 'Set `hostNetwork: true` in the DaemonSet.',
  },
  IdsTerminating: {
    sentence: 'The IDS Pod on the node is terminating and its replacement is not there in time.',
    remedy: 'Look at the DaemonSet: `kubectl -n sekisho-node describe daemonset sekisho-ids`.',
  },
  IdsNotReady: {
    sentence: 'The IDS Pod on the node is not Ready: nothing proves that it sees traffic.',
    remedy: 'Look at the Pod: `kubectl -n sekisho-node describe pod POD` prints the check that fails.',
  },
  IdsSaysBlind: {
    sentence: 'The IDS Pod on the node is Ready, and its agent says since a moment that it does not see.',
    remedy: 'Look at the Pod: the check that fails stands in the message and in docs/reference/ids-agent.md.',
  },
  IdsNotSelected: {
    sentence: "The DaemonSet's nodeSelector leaves the node out.",
    remedy: 'Label the node as the DaemonSet asks: `kubectl label node NODE KEY=VALUE`.',
  },
  TaintNotTolerated: {
    sentence: 'The node bears a taint that the IDS does not tolerate, while Pods of the namespace may.',
    remedy: 'Let the DaemonSet tolerate every taint.',
  },
  IdsNoPod: {
    sentence: 'There is no Pod of the IDS DaemonSet on the node.',
    remedy: 'Look at the DaemonSet: `kubectl -n sekisho-node describe daemonset sekisho-ids`.',
  },
} as const satisfies Record<string, Reason>
export type BlindReason = keyof typeof BLIND_REASONS

/** What the answer to a namespace, a Pod or the IDS DaemonSet can be. */
export const REASONS = {
  NotConcerned: {
    sentence: 'Nothing of what is asked touches what the guard keeps, or it is being deleted.',
    remedy: NOTHING,
  },
  Accepted: { sentence: 'The keys are valid and nothing is opened.', remedy: NOTHING },
  Protected: {
    sentence: 'Every node the Pods can land on is covered, and hostNetwork is closed.',
    remedy: NOTHING,
  },
  AuditOnly: {
    sentence: '`sekisho.dev/protected: audit` only tells: what would be refused stands in the warnings.',
    remedy: 'Set `sekisho.dev/protected: "true"` once the warnings are gone.',
  },
  Opened: { sentence: 'Protection is taken away by somebody who has the right to open.', remedy: NOTHING },
  UncoveredAllowed: {
    sentence: 'Admitted although not covered: `sekisho.dev/allow-uncovered` says so, until the time it names.',
    remedy: 'Cover the nodes and take the annotation away.',
  },
  NodeCovered: { sentence: 'The node the Pod goes to is covered, or in the grace of a rollout.', remedy: NOTHING },
  NodeBlind: {
    sentence: 'The node the Pod goes to, by a Binding or by its own `spec.nodeName`, is not watched by the IDS.',
    remedy:
      'Mend the IDS on the node named; the scheduler tries again by itself. Runbook: docs/runbooks/pod-not-scheduled.md.',
  },
  NodeNotSelected: {
    sentence: 'The node is outside `sekisho.dev/node-selector` of the namespace.',
    remedy: 'Label the node, or correct the selector of the namespace.',
  },
  NodeUnknown: { sentence: 'The node does not exist.', remedy: 'Name a node that `kubectl get nodes` shows.' },
  BindingKeys: {
    sentence: 'The Binding carries `sekisho.dev/` keys, which would become those of the Pod.',
    remedy: 'Take them out of the metadata of the Binding.',
  },
  GlassBroken: {
    sentence: 'Admitted although not covered: `sekisho.dev/break-glass` says so, until the time it names.',
    remedy: 'Cover the nodes and take the annotation away.',
  },
  NoNodes: {
    sentence: 'The cluster has no node, so there is nothing that could be covered.',
    remedy: 'Add a node, or set `guard.allowNoNodes: true` for clusters that scale from zero.',
  },
  NoNodesSelected: {
    sentence: 'The node selector of the namespace matches no node.',
    remedy: 'Correct the selector, or label the nodes it should match.',
  },
  NodesNotCovered: {
    sentence: 'A node that Pods of the namespace can land on is not watched by the IDS.',
    remedy: 'Mend the IDS on the nodes named, or hold the namespace to covered nodes.',
  },
  PodSecurityMissing: {
    sentence: 'The namespace enforces no Pod Security level, so its Pods could use hostNetwork.',
    remedy: 'Set `pod-security.kubernetes.io/enforce` to `restricted` or `baseline`.',
  },
  PodSecurityUnsafe: {
    sentence: 'The Pod Security level enforced allows hostNetwork.',
    remedy: 'Set `pod-security.kubernetes.io/enforce` to `restricted` or `baseline`.',
  },
  HostNetworkPods: {
    sentence: 'Pods on hostNetwork run in the namespace: their traffic is that of the node.',
    remedy: 'Delete them, or move them to a namespace that is not protected.',
  },
  InvalidValue: {
    sentence: 'A `sekisho.dev/` label has a value that the table of labels does not know.',
    remedy: 'Use one of the values named.',
  },
  InvalidNodeSelector: {
    sentence: '`sekisho.dev/node-selector` is not a list of `key=value`.',
    remedy: 'Write it like `pool=web` or `pool=web,zone=a`.',
  },
  InvalidAllowUncovered: {
    sentence: '`sekisho.dev/allow-uncovered` is not JSON with a reason and a time within the limit.',
    remedy: 'Write it like `{"why":"moving the IDS nodes","until":"2030-01-01T00:00:00Z"}`.',
  },
  InvalidBreakGlass: {
    sentence: '`sekisho.dev/break-glass` is not JSON with a reason and a time within the limit.',
    remedy: 'Write it like `{"why":"the IDS is down","until":"2030-01-01T00:00:00Z"}`, 24 h ahead at most.',
  },
  MayNotOpen: {
    sentence: 'The change takes protection away, and the user has no right to open.',
    remedy: 'Ask somebody who may `open` `wafpolicies.sekisho.dev`.',
  },
  HostNetworkPod: {
    sentence: 'The Pod asks for hostNetwork in a protected namespace.',
    remedy: 'Take `hostNetwork: true` out of the Pod.',
  },
  ToleratesIdsTaint: {
    sentence: 'The Pod tolerates the taint that keeps Pods off nodes without a working IDS.',
    remedy: 'Take the toleration out, or give a toleration without key one.',
  },
  IdsNeeded: {
    sentence: 'The IDS DaemonSet would go while namespaces rely on it.',
    remedy: 'Unprotect the namespaces first.',
  },
  IdsShrinks: {
    sentence: 'The change would leave nodes without IDS while namespaces rely on it.',
    remedy: 'Keep selector, affinity, tolerations, hostNetwork, labels and update strategy as wide as they are.',
  },
} as const satisfies Record<string, Reason>
export type ReasonCode = keyof typeof REASONS
