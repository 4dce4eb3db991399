/** The edge of the gate at the binding: what is looked at, live, before each answer, and what becomes of it where it cannot be looked at. */
import tap from 'tap'
import type { Review } from '../../../src/admission/review.ts'
import { type BindingContext, bindingReviewer } from '../../../src/admission/reviewers/binding.ts'
import { podAccess } from '../../../src/admission/reviewers/pod-access.ts'
import type { KubeObject } from '../../../src/api/kube.ts'
import type { NamespaceView } from '../../../src/api/views.ts'
import { parseIdsReport } from '../../../src/guard/ids-report.ts'
import { daemonSet, idsPod, NOW, node, settings } from '../../guard/parts.ts'
import { BLOCK, HTTP, injected, namespaceWith, podWith, serviceWith } from '../../inject/fixtures.ts'

const signal = AbortSignal.timeout(60_000)
const PROTECTED = { 'sekisho.dev/protected': 'true' }
const GLASS = {
  'sekisho.dev/break-glass': JSON.stringify({ why: 'fire', until: new Date(NOW + 60_000).toISOString() }),
}

interface World {
  namespace?: NamespaceView | null
  ready?: boolean
  rollingOut?: boolean
  more?: Partial<BindingContext['reader']>
}
function contextOf({ namespace = namespaceWith(PROTECTED), ready = true, rollingOut = false, more = {} }: World) {
  const asked: string[] = []
  const reader: BindingContext['reader'] = {
    liveNamespace: async (name) => {
      asked.push(`namespace ${name}`)
      return namespace
    },
    look: async (names) => {
      asked.push(`look ${names.join(' ')}`)
      return {
        nodes: names.map((name) => node(name)),
        idsPods: names.map((name) => idsPod(name, { ready })),
        daemonSet: daemonSet({ rollingOut }),
        leases: new Map(),
      }
    },
    // A watch that is behind: it shows whatever would be wrong.
    nodes: () => [node('a'), node('b')],
    idsPods: () => [idsPod('a', { ready: !ready }), idsPod('b')],
    idsLeases: () => new Map(),
    replaced: () => (rollingOut ? new Map([['a', NOW - 1000]]) : new Map()),
    services: () => [],
    networkPolicies: () => [],
    protectedPod: async (_, name) => {
      asked.push(`pod ${name}`)
      return null
    },
    ...more,
  }
  return { asked, context: { reader, settings, now: () => NOW } }
}
const review = (metadata: KubeObject['metadata'] = {}): Review => ({
  uid: 'u',
  kind: { group: '', version: 'v1', kind: 'Binding' },
  resource: { group: '', version: 'v1', resource: 'pods' },
  subResource: 'binding',
  name: 'web',
  namespace: 'shop',
  operation: 'CREATE',
  userInfo: { username: 'system:kube-scheduler' },
  object: { metadata, target: { kind: 'Node', name: 'a' } },
  oldObject: null,
  dryRun: false,
})
async function ask(world: World, metadata?: KubeObject['metadata']) {
  const { asked, context } = contextOf(world)
  const { verdict, reason, warnings } = await bindingReviewer(context)(review(metadata), signal)
  return { said: `${verdict} ${reason}`, warnings, asked: `${asked.join(', ')}.` }
}

tap.test(
  'bindingReviewer looks at namespace and node before each yes and each no, and believes no watch',
  async (t) => {
    const both = /^namespace shop, look a\.$/
    t.match(await ask({}), { said: 'allow NodeCovered', asked: both })
    t.match(await ask({ ready: false }), { said: 'deny NodeBlind', asked: both })
    t.match(await ask({ ready: false, namespace: namespaceWith(PROTECTED, GLASS) }), { said: 'allow GlassBroken' })
    t.match(await ask({ ready: false, namespace: namespaceWith() }), { said: 'allow NotConcerned' })
  },
)

tap.test('bindingReviewer grants the grace of a rollout to as many nodes as may be down at once', async (t) => {
  const one = { ready: false, rollingOut: true }
  t.match(await ask(one), { said: 'allow NodeCovered' })
  // Node b has been down for longer, and one may be.
  const more = {
    idsPods: () => [idsPod('b', { ready: false })],
    replaced: () =>
      new Map([
        ['a', NOW - 1000],
        ['b', NOW - 5000],
      ]),
  }
  t.match(await ask({ ...one, more }), { said: 'deny NodeBlind' })
  // And it is down as well where its Pod is Ready and the agent there says that it sees nothing.
  const report = parseIdsReport(JSON.stringify({ v: 1, ready: false, check: 'CanaryLost', detail: '' }))
  const idsLeases = () => new Map([['b', { node: 'b', pod: idsPod('b').name, report }]])
  t.match(await ask({ ...one, more: { ...more, idsPods: () => [idsPod('b')], idsLeases } }), { said: 'deny NodeBlind' })
  t.match(await ask({ ...one, more: { ...more, idsPods: () => [idsPod('b')] } }), { said: 'allow NodeCovered' })
})

tap.test('bindingReviewer answers nothing where it cannot look', async (t) => {
  const fail = async () => Promise.reject(new Error('no answer from the API server'))
  for (const more of [{ look: fail }, { liveNamespace: fail }]) await t.rejects(ask({ more }), /no answer/)
  await t.rejects(ask({ namespace: null }), /there is no such namespace/)
})

tap.test(
  'bindingReviewer judges labels that would lead round a WAF, and asks for the Pod only where something selects by them',
  async (t) => {
    const zone = { 'topology.kubernetes.io/zone': 'a' }
    const seen = namespaceWith({ ...PROTECTED, ...BLOCK })
    const pod = injected(podWith({ ports: HTTP }), { namespace: seen })
    const status = pod.metadata?.annotations?.['sekisho.dev/status'] ?? ''
    const protectedPod = async () => ({ name: 'web', labels: {}, status })
    const by = (selector: Record<string, string>) => ({ services: () => [serviceWith(8080, selector)], protectedPod })
    t.match(await ask({ namespace: seen }, { labels: zone }), {
      said: 'allow NodeCovered',
      asked: /^namespace shop, look a\.$/,
    })
    t.match(
      await ask({ namespace: seen, more: { services: () => [serviceWith(8080, { app: 'web' })] } }, { labels: zone }),
      { said: 'allow NodeCovered', asked: /^namespace shop, look a\.$/ },
      'nothing selects by them: the Pod need not be asked for',
    )
    t.match(await ask({ namespace: seen, more: by(zone) }, { labels: zone }), { said: 'deny ServiceByNumber' })
    t.match(await ask({ namespace: seen, more: by({ ...zone, app: 'web' }) }, { labels: zone }), {
      said: 'allow NodeCovered',
    })
    const detect = injected(podWith({ ports: HTTP, labels: { 'sekisho.dev/waf': 'detect' } }), { namespace: seen })
    const told = {
      ...by(zone),
      protectedPod: async () => ({
        name: 'web',
        labels: {},
        status: detect.metadata?.annotations?.['sekisho.dev/status'] ?? '',
      }),
    }
    const { said, warnings } = await ask({ namespace: seen, more: told }, { labels: zone })
    t.equal(said, 'allow NodeCovered')
    t.match(warnings, [/8080/])
  },
)

tap.test(
  'podAccess looks at a node only where a Pod of a protected namespace names one, and then as at a binding',
  async (t) => {
    const access = async (world: World, spec: object, seen = namespaceWith(PROTECTED)) => {
      const { asked, context } = contextOf(world)
      const { verdict, glassBroken } = await podAccess(context)({ pod: podWith({ ...spec }), namespace: seen }, signal)
      return { said: `${verdict.verdict} ${verdict.reason}`, glassBroken, asked: `${asked.join(', ')}.` }
    }
    t.match(await access({}, {}), { said: 'allow Accepted', asked: /^\.$/ })
    t.match(await access({}, { nodeName: 'a' }), { said: 'allow Accepted', asked: /^namespace shop, look a\.$/ })
    t.match(await access({ ready: false }, { nodeName: 'a' }), { said: 'deny NodeBlind' })
    t.match(await access({ ready: false }, { nodeName: 'a' }, namespaceWith()), {
      said: 'allow NotConcerned',
      asked: /^\.$/,
    })
    const open = namespaceWith(PROTECTED, GLASS)
    t.match(
      await access({ ready: false, namespace: open }, { nodeName: 'a' }),
      { said: 'allow GlassBroken', glassBroken: true },
      'the watch did not know',
    )
    t.match(
      await access({ ready: false }, { nodeName: 'a' }, open),
      { said: 'deny NodeBlind', glassBroken: false },
      'it was mended since',
    )
    t.match(await access({}, { tolerations: [{ operator: 'Exists' }] }, open), { said: 'allow GlassBroken' })
    t.match(await access({}, { hostNetwork: true }, open), { said: 'deny HostNetworkPod' })
  },
)
