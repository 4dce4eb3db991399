/** The edge of the inject room: what each reviewer asks the cluster for, when, and what it makes of the answers. */
import tap from 'tap'
import type { Review } from '../../../src/admission/review.ts'
import { createReviewers } from '../../../src/admission/reviewers/index.ts'
import type { KubeObject } from '../../../src/api/kube.ts'
import type { NamespaceView } from '../../../src/api/views.ts'
import { policySettings } from '../../../src/config/rules.ts'
import { guardSettings } from '../../../src/config/webhook.ts'
import type { InjectReader, ProtectedPodView } from '../../../src/inject/reader.ts'
import {
  BLOCK,
  HTTP,
  injected,
  type Loose,
  namespaceWith,
  type PodParts,
  podWith,
  SETTINGS,
  serviceWith,
  VERSION,
} from '../../inject/fixtures.ts'

const PROTECTED = { 'sekisho.dev/protected': 'true' }

interface World {
  seen?: NamespaceView | null
  live?: NamespaceView | null
  services?: ReturnType<typeof serviceWith>[]
  pods?: ProtectedPodView[]
}

/** A cluster that remembers what it was asked. */
function clusterOf({ seen = null, live = null, services = [], pods = [] }: World) {
  const asked: string[] = []
  const answer = <T>(question: string, value: T): T => {
    asked.push(question)
    return value
  }
  const reader: InjectReader = {
    namespace: (name) => answer(`namespace ${name}`, seen),
    liveNamespace: async (name) => answer(`live ${name}`, live),
    services: () => services,
    networkPolicies: () => [],
    protectedPods: async (namespace, selector) => answer(`pods ${namespace} ${JSON.stringify(selector)}`, pods),
    protectedPod: async (namespace, name) =>
      answer(`pod ${namespace}/${name}`, pods.find((pod) => pod.name === name) ?? null),
  }
  const guard = { reader: {} as never, settings: guardSettings.parse({}), now: () => 0 }
  return {
    asked,
    reviewers: createReviewers({
      inject: { reader, settings: SETTINGS, version: VERSION },
      guard,
      policy: { reader: {} as never, settings: policySettings.parse({}), now: () => 0 },
    }),
  }
}

const review = (object: KubeObject | null, more: Partial<Review> = {}): Review => ({
  uid: 'u',
  kind: { group: '', version: 'v1', kind: 'Pod' },
  resource: { group: '', version: 'v1', resource: 'pods' },
  subResource: '',
  name: '',
  namespace: 'shop',
  operation: 'CREATE',
  userInfo: { username: 'alice' },
  object,
  oldObject: null,
  dryRun: false,
  ...more,
})

async function ask(world: World, key: string, request: Review) {
  const { asked, reviewers } = clusterOf(world)
  const verdict = await reviewers.get(key)!(request, AbortSignal.timeout(1000))
  return { verdict, reason: verdict.reason, asked }
}
const pod = podWith({ ports: HTTP })

tap.test(
  'mutate pods believes the watch where it explains the request, and asks the API server where it is behind',
  async (t) => {
    const labelled = namespaceWith(BLOCK)
    t.match(await ask({ seen: labelled }, 'mutate pods', review(pod)), {
      reason: 'Injected',
      asked: ['namespace shop'],
    })
    const asks = podWith({ ports: HTTP, labels: BLOCK })
    t.match(await ask({ seen: namespaceWith() }, 'mutate pods', review(asks)), {
      reason: 'Injected',
      asked: ['namespace shop'],
    })
    for (const seen of [null, namespaceWith()])
      t.match(await ask({ seen, live: labelled }, 'mutate pods', review(pod)), {
        reason: 'Injected',
        asked: ['namespace shop', 'live shop'],
      })
    t.match(await ask({ seen: namespaceWith(), live: namespaceWith() }, 'mutate pods', review(pod)), {
      reason: 'NotAsked',
    })
    await t.rejects(ask({}, 'mutate pods', review(pod)), /there is no such namespace/)
    await t.rejects(ask({ seen: labelled }, 'mutate pods', review(null)), /without its object/)
  },
)

tap.test('mutate pods lets the guard speak first, and keeps its warnings', async (t) => {
  const host = podWith({ ports: HTTP, hostNetwork: true })
  const seen = namespaceWith({ ...PROTECTED, ...BLOCK })
  t.equal((await ask({ seen }, 'mutate pods', review(host))).reason, 'HostNetworkPod')
  const told = await ask({ seen: namespaceWith({ 'sekisho.dev/protected': 'audit' }) }, 'mutate pods', review(host))
  t.equal(told.reason, 'NotAsked')
  t.match(told.verdict.warnings, [/would be refused with sekisho.dev\/protected: "true"/])
  const mirror = podWith({ ports: HTTP, hostNetwork: true, annotations: { 'kubernetes.io/config.mirror': 'x' } })
  const node = { username: 'system:node:a', groups: ['system:nodes'] }
  t.equal((await ask({ seen }, 'mutate pods', review(mirror, { userInfo: node }))).reason, 'MirrorPod')
  t.equal((await ask({ seen }, 'mutate pods', review(mirror))).reason, 'HostNetworkPod')
})

tap.test('mutate pods weighs the Services of the namespace', async (t) => {
  const world = { seen: namespaceWith(BLOCK), services: [serviceWith(8080)] }
  t.equal(
    (await ask(world, 'mutate pods', review(podWith({ ports: HTTP, labels: { app: 'web' } })))).reason,
    'ServiceByNumber',
  )
})

tap.test('validate pods verifies what is made and compares what is changed', async (t) => {
  const seen = namespaceWith({ ...PROTECTED, ...BLOCK })
  const made = injected(pod, { namespace: seen })
  t.equal((await ask({ seen }, 'validate pods', review(made))).reason, 'Verified')
  t.equal((await ask({ seen }, 'validate pods', review(pod))).reason, 'SidecarsDiffer')
  const tolerant = structuredClone(made) as Loose
  tolerant.spec.tolerations = [{ operator: 'Exists' }]
  t.equal(
    (await ask({ seen }, 'validate pods', review(tolerant))).reason,
    'ToleratesIdsTaint',
    'added by a webhook after us',
  )
  const beside = podWith({ ports: HTTP, labels: { app: 'web' } })
  t.equal(
    (await ask({ seen, services: [serviceWith(8080)] }, 'validate pods', review(injected(beside, { namespace: seen }))))
      .reason,
    'ServiceByNumber',
    'a Service that was not there in the mutating call',
  )
  const changed = structuredClone(made) as Loose
  changed.spec.initContainers[1].image = 'evil'
  for (const key of ['validate pods', 'validate pods/resize', 'validate pods/ephemeralcontainers']) {
    const update = review(changed, { operation: 'UPDATE', oldObject: made })
    t.equal((await ask({ seen }, key, update)).reason, 'SidecarChanged', key)
  }
  const relabelled = structuredClone(made) as Loose
  relabelled.metadata.labels = { ...relabelled.metadata.labels, app: 'web' }
  const update = review(relabelled, { operation: 'UPDATE', oldObject: made })
  t.equal((await ask({ seen, services: [serviceWith(8080)] }, 'validate pods', update)).reason, 'ServiceByNumber')
})

tap.test('validate pods knows why an UPDATE came that takes the label off', async (t) => {
  const asks = podWith({ ports: HTTP, labels: BLOCK })
  const update = review(podWith({ ports: HTTP }), { operation: 'UPDATE', oldObject: asks })
  t.match(await ask({ seen: namespaceWith() }, 'validate pods', update), {
    reason: 'KeyChanged',
    asked: ['namespace shop'],
  })
})

const workload = (kind: string) => ({ kind: { group: 'apps', version: 'v1', kind } })

tap.test('validate deployments warns of what its Pods meet: host access and the WAF', async (t) => {
  const deployment = (spec: PodParts) =>
    ({ metadata: { name: 'web' }, spec: { template: { spec: podWith(spec).spec } } }) as unknown as KubeObject
  const seen = namespaceWith({ ...PROTECTED, ...BLOCK })
  const { verdict } = await ask(
    { seen },
    'validate deployments',
    review(deployment({ ports: HTTP, hostNetwork: true }), workload('Deployment')),
  )
  t.equal(verdict.verdict, 'allow')
  t.match(verdict.warnings, [/^Pod shop\/web-… is refused: it uses hostNetwork: namespace shop is protected/])
  const same = deployment({ ports: HTTP })
  const update = review(same, { ...workload('Deployment'), operation: 'UPDATE', oldObject: same })
  t.match(await ask({ seen }, 'validate deployments', update), { reason: 'NotConcerned', asked: [] })
})

tap.test('validate services and networkpolicies ask for Pods only where they have to', async (t) => {
  const service = (targetPort: unknown, selector: object | undefined = { app: 'web' }) =>
    ({ metadata: { name: 'web' }, spec: { selector, ports: [{ port: 80, targetPort }] } }) as unknown as KubeObject
  const status = (injected(podWith({ ports: HTTP, labels: BLOCK })) as Loose).metadata.annotations['sekisho.dev/status']
  const pods = [{ name: 'web-1', labels: { app: 'web' }, status }]
  const asked = ['pods shop {"matchLabels":{"app":"web"}}']
  t.match(await ask({ pods }, 'validate services', review(service(8080))), { reason: 'TargetsAppPort', asked })
  t.match(await ask({ pods }, 'validate services', review(service('http'))), { reason: 'NotConcerned', asked })
  t.match(await ask({ pods }, 'validate services', review(service(8080, {}))), { reason: 'NotConcerned', asked: [] })
  const update = review(service(8080), { operation: 'UPDATE', oldObject: service(8080) })
  t.match(await ask({ pods }, 'validate services', update), { reason: 'NotConcerned', asked: [] })

  const policy = (ports: unknown) =>
    ({
      metadata: { name: 'in' },
      spec: { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ ports }] },
    }) as unknown as KubeObject
  t.match(await ask({ pods }, 'validate networkpolicies', review(policy([{ port: 8080 }]))), { reason: 'NamesAppPort' })
  t.match(await ask({ pods }, 'validate networkpolicies', review(policy(undefined))), {
    reason: 'NotConcerned',
    asked: [],
  })
})
