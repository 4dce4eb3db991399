/** What may be done to the IDS DaemonSet while namespaces rely on it. */
import t from 'tap'
import type { KubeObject } from '../../src/api/kube.ts'
import { type DaemonSetRequest, judgeDaemonSet } from '../../src/guard/daemonset.ts'
import { settings } from './parts.ts'

const POD = { hostNetwork: true, tolerations: [{ operator: 'Exists' }], containers: [{ name: 'suricata', image: 'a' }] }
const set = (
  pod: object = {},
  spec: object = {},
  labels: object = { 'app.kubernetes.io/name': 'sekisho-ids' },
): KubeObject => ({
  metadata: { name: 'sekisho-ids', labels: labels as Record<string, string> },
  spec: { template: { spec: { ...POD, ...pod } }, updateStrategy: { rollingUpdate: { maxUnavailable: 1 } }, ...spec },
})
const request = (object: KubeObject | null, more: Partial<DaemonSetRequest> = {}): DaemonSetRequest => ({
  operation: object === null ? 'DELETE' : 'UPDATE',
  namespace: 'sekisho-node',
  name: 'sekisho-ids',
  object,
  oldObject: set(),
  user: { username: 'jane' },
  settings,
  ...more,
})
const RELYING = { protectedNamespaces: ['shop', 'till'], mayOpen: false }
const required = (key: string) => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key, operator: 'Exists' }] }],
    },
  },
})

const CASES: readonly [string, DaemonSetRequest, string][] = [
  ['delete', request(null), 'deny IdsNeeded'],
  ['delete another DaemonSet', request(null, { name: 'other' }), 'allow NotConcerned'],
  ['delete its namesake elsewhere', request(null, { namespace: 'shop' }), 'allow NotConcerned'],
  [
    'the garbage collector deletes',
    request(null, { user: { username: 'system:serviceaccount:kube-system:generic-garbage-collector' } }),
    'allow NotConcerned',
  ],
  [
    'the namespace controller deletes',
    request(null, { user: { username: 'system:serviceaccount:kube-system:namespace-controller' } }),
    'allow NotConcerned',
  ],
  ['a new image', request(set({ containers: [{ name: 'suricata', image: 'b' }] })), 'allow NotConcerned'],
  [
    'a restart',
    request(set({}, { template: { metadata: { annotations: { restarted: 'now' } }, spec: POD } })),
    'allow NotConcerned',
  ],
  ['a nodeSelector', request(set({ nodeSelector: { ids: 'yes' } })), 'deny IdsShrinks'],
  [
    'a nodeSelector taken away',
    request(set(), { oldObject: set({ nodeSelector: { ids: 'yes' } }) }),
    'allow NotConcerned',
  ],
  ['an affinity', request(set({ affinity: required('ids') })), 'deny IdsShrinks'],
  [
    'an affinity that stays',
    request(set({ affinity: required('ids') }), { oldObject: set({ affinity: required('ids') }) }),
    'allow NotConcerned',
  ],
  ['an affinity taken away', request(set(), { oldObject: set({ affinity: required('ids') }) }), 'allow NotConcerned'],
  ['tolerations taken away', request(set({ tolerations: [] })), 'deny IdsShrinks'],
  [
    'tolerations taken away where every taint is tolerated',
    request(set(), { oldObject: set({ tolerations: [{ key: 'gpu', operator: 'Exists' }] }) }),
    'allow NotConcerned',
  ],
  ['hostNetwork off', request(set({ hostNetwork: false })), 'deny IdsShrinks'],
  ['one node by name', request(set({ nodeName: 'a' })), 'deny IdsShrinks'],
  [
    'more nodes at once',
    request(set({}, { updateStrategy: { rollingUpdate: { maxUnavailable: 3 } } })),
    'deny IdsShrinks',
  ],
  [
    'a share of the nodes at once',
    request(set({}, { updateStrategy: { rollingUpdate: { maxUnavailable: '100%' } } })),
    'deny IdsShrinks',
  ],
  ['OnDelete', request(set({}, { updateStrategy: { type: 'OnDelete' } })), 'allow NotConcerned'],
  ['its label taken away, by which the gate knows it', request(set({}, {}, {})), 'deny IdsShrinks'],
  ['a label added', request(set({}, {}, { 'app.kubernetes.io/name': 'sekisho-ids', more: 'x' })), 'allow NotConcerned'],
]

t.test('judgeDaemonSet answers each case of the table', async (t) => {
  for (const [name, asked, expected] of CASES) {
    const verdict = judgeDaemonSet(asked, RELYING)
    t.equal(`${verdict.verdict} ${verdict.reason}`, expected, name)
    t.equal(
      judgeDaemonSet(asked, { protectedNamespaces: [], mayOpen: false }).verdict,
      'allow',
      `${name}, with nobody relying`,
    )
    t.equal(judgeDaemonSet(asked, { ...RELYING, mayOpen: true }).verdict, 'allow', `${name}, by who may open`)
  }
})

t.test('judgeDaemonSet names who relies on the IDS and the command that lists them', async (t) => {
  t.same(judgeDaemonSet(request(null), RELYING).detail.split('\n'), [
    'DaemonSet sekisho-node/sekisho-ids is refused: this change deletes it',
    'namespaces shop and till rely on it, and jane has no right to open (verb open on wafpolicies.sekisho.dev in all namespaces)',
    'to mend: unprotect what this lists first: kubectl get namespaces -l sekisho.dev/protected=true',
  ])
})
