import tap from 'tap'
import type { Pod } from '../../src/api/kube.ts'
import { judgePodUpdate } from '../../src/inject/pod-update.ts'
import { BLOCK, HTTP, injected, type Loose, namespaceWith, podWith } from './fixtures.ts'

const PROTECTED = { 'sekisho.dev/protected': 'true' }
const old = injected(
  podWith({ labels: { ...BLOCK, app: 'web' }, ports: HTTP, tolerations: [{ key: 'a', operator: 'Exists' }] }),
)

type Change = (pod: Loose) => void
const after = (change: Change, labels: Record<string, string> = PROTECTED, from: Pod = old) => {
  const pod = structuredClone(from)
  change(pod)
  return judgePodUpdate({ pod, old: from, namespace: namespaceWith(labels) }).reason
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
