import tap from 'tap'
import type { Pod } from '../../src/api/kube.ts'
import { judgePodUpdate } from '../../src/inject/pod-update.ts'
import {
  BLOCK,
  DETECT,
  HTTP,
  injected,
  type Loose,
  namespaceWith,
  podWith,
  policyWith,
  serviceWith,
} from './fixtures.ts'

const PROTECTED = { 'sekisho.dev/protected': 'true' }
const old = injected(
  podWith({ labels: { ...BLOCK, app: 'web' }, ports: HTTP, tolerations: [{ key: 'a', operator: 'Exists' }] }),
)

type Change = (pod: Loose) => void
const after = (change: Change, labels: Record<string, string> = PROTECTED, from: Pod = old) => {
  const pod = structuredClone(from)
  change(pod)
  return judgePodUpdate({ pod, old: from, namespace: namespaceWith(labels), services: [], networkPolicies: [] }).reason
}
const ephemeral =
  (more: object): Change =>
  (pod) => {
    pod.spec.ephemeralContainers = [{ name: 'look', image: 'x', ...more }]
  }
const tolerate =
  (toleration: object): Change =>
  (pod) =>
    pod.spec.tolerations.push(toleration)

const REFUSED: [string, Change][] = [
  ['KeyChanged', (pod) => delete pod.metadata.labels['sekisho.dev/waf']],
  ['KeyChanged', (pod) => Object.assign(pod.metadata.labels, { 'sekisho.dev/waf': 'detect' })],
  ['KeyChanged', (pod) => Object.assign(pod.metadata.labels, { 'sekisho.dev/new': 'x' })],
  ['KeyChanged', (pod) => delete pod.metadata.annotations['sekisho.dev/status']],
  ['KeyChanged', (pod) => Object.assign(pod.metadata.annotations, { 'sekisho.dev/waf-ports': '1' })],
  ['KeyChanged', (pod) => delete pod.metadata.labels],
  ['SidecarChanged', (pod) => Object.assign(pod.spec.initContainers[1], { image: 'evil' })],
  ['SidecarChanged', (pod) => Object.assign(pod.spec.initContainers[0].resources.limits, { cpu: '1m' })],
  ['SidecarChanged', (pod) => pod.spec.initContainers.splice(1, 1)],
  ['SidecarChanged', (pod) => pod.spec.containers.push({ name: 'sekisho-waf' })],
  ['EphemeralTouches', ephemeral({ targetContainerName: 'sekisho-waf' })],
  ['EphemeralTouches', ephemeral({ targetContainerName: 'sekisho-rules' })],
  ['EphemeralTouches', ephemeral({ volumeMounts: [{ name: 'sekisho-run', mountPath: '/x' }] })],
  ['EphemeralTouches', ephemeral({ volumeDevices: [{ name: 'sekisho-run', devicePath: '/x' }] })],
  ['EphemeralTouches', ephemeral({ name: 'sekisho-look' })],
  ['TolerationAdded', tolerate({ key: 'sekisho.dev/ids-not-ready', operator: 'Exists' })],
  ['TolerationAdded', tolerate({ key: 'sekisho.dev/ids-not-ready', operator: 'Equal', effect: 'NoSchedule' })],
  ['TolerationAdded', tolerate({ operator: 'Exists' })],
  ['TolerationAdded', tolerate({ operator: 'Exists', effect: 'NoSchedule' })],
  ['Malformed', (pod) => delete pod.spec.containers],
]
const ALLOWED: [string, Change][] = [
  ['nothing changed', () => {}],
  [
    'labels and annotations of others',
    (pod) => Object.assign(pod.metadata.labels, { app: 'x', 'sekisho.example/x': 'y' }),
  ],
  ['an image of the app', (pod) => Object.assign(pod.spec.containers[0], { image: 'web:2' })],
  ['resources of the app', (pod) => Object.assign(pod.spec.containers[0], { resources: { requests: { cpu: '1' } } })],
  ['finalizers and deletion', (pod) => Object.assign(pod.metadata, { finalizers: [], deletionTimestamp: 'now' })],
  ['a deadline', (pod) => Object.assign(pod.spec, { activeDeadlineSeconds: 1, schedulingGates: [] })],
  [
    'an ephemeral container of one’s own',
    ephemeral({ targetContainerName: 'web', volumeMounts: [{ name: 'data', mountPath: '/x' }] }),
  ],
  ['a toleration of something else', tolerate({ key: 'b', operator: 'Exists' })],
  ['a toleration that keeps no Pod on the node', tolerate({ operator: 'Exists', effect: 'NoExecute' })],
]

tap.test('judgePodUpdate() refuses what would take protection from a running Pod', async (t) => {
  for (const [code, change] of REFUSED) t.equal(after(change), code, change.toString())
})

tap.test('judgePodUpdate() lets everything else pass', async (t) => {
  for (const [what, change] of ALLOWED) t.equal(after(change), 'NotConcerned', what)
})

tap.test('judgePodUpdate() compares with the old Pod, so one made by an earlier version can be changed', async (t) => {
  const earlier = structuredClone(old) as Loose
  earlier.spec.initContainers[1].image = 'registry.example/sekisho-waf:0'
  earlier.spec.initContainers[1].futurePower = true
  earlier.spec.ephemeralContainers = [{ name: 'look', image: 'x', targetContainerName: 'sekisho-waf' }]
  t.equal(
    after((pod) => Object.assign(pod.metadata.labels, { app: 'x' }), PROTECTED, earlier),
    'NotConcerned',
  )
  t.equal(
    after((pod) => Object.assign(pod.spec.initContainers[1], { image: 'x' }), PROTECTED, earlier),
    'SidecarChanged',
  )
})

tap.test('judgePodUpdate() keeps tolerations away in protected namespaces only', async (t) => {
  t.equal(after(tolerate({ operator: 'Exists' }), BLOCK), 'NotConcerned')
  t.equal(after(tolerate({ operator: 'Exists' }), { 'sekisho.dev/protected': 'audit' }), 'NotConcerned')
  const tolerant = structuredClone(old) as Loose
  tolerant.spec.tolerations = [{ operator: 'Exists' }]
  t.equal(after(tolerate({ key: 'b', operator: 'Exists' }), PROTECTED, tolerant), 'NotConcerned', 'it was there before')
})

/** A Pod labelled anew where a Service and a NetworkPolicy are that name the app's port. */
const relabelled = (mode: Record<string, string>, { from, to }: { from: string; to: string }) => {
  const before = injected(podWith({ labels: { ...mode, app: from }, ports: HTTP }))
  const pod = structuredClone(before) as Loose
  pod.metadata.labels.app = to
  const judge = (more: object) =>
    judgePodUpdate({
      pod,
      old: before,
      namespace: namespaceWith(PROTECTED),
      services: [],
      networkPolicies: [],
      ...more,
    })
  return [
    judge({ services: [serviceWith('http'), serviceWith(8080)] }),
    judge({ services: [serviceWith('app-8080')] }),
    judge({ networkPolicies: [policyWith(8080)] }),
  ]
}
const ROUNDS = ['ServiceByNumber', 'ServiceByNumber', 'PolicyByNumber']

tap.test('judgePodUpdate() refuses labels by which a Service that was there first leads round the WAF', async (t) => {
  const verdicts = relabelled(BLOCK, { from: 'harmless', to: 'web' })
  t.same(
    verdicts.map(({ verdict, reason }) => [verdict, reason]),
    ROUNDS.map((reason) => ['deny', reason]),
  )
  for (const { detail } of verdicts) t.match(detail, /^Pod shop\/web is refused: .*\n.*\nto mend: kubectl /)
})

tap.test('judgePodUpdate() only warns of such labels in detect, and says nothing of what was so before', async (t) => {
  const verdicts = relabelled(DETECT, { from: 'harmless', to: 'web' })
  t.same(
    verdicts.map(({ verdict, reason, warnings }) => [verdict, reason, warnings.length]),
    ROUNDS.map((reason) => ['allow', reason, 1]),
  )
  for (const to of ['web', 'other'])
    for (const { reason } of relabelled(BLOCK, { from: 'web', to }).slice(0, 3)) t.equal(reason, 'NotConcerned', to)
})
