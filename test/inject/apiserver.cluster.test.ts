/** Random Pods through a real kube-apiserver and our real webhook server, in namespaces that enforce Pod Security `restricted`. */
import fc from 'fast-check'
import tap from 'tap'
import type { TrustSnapshot } from '../../src/admission/rules-trust.ts'
import type { Pod } from '../../src/api/kube.ts'
import { CONTAINER, VOLUME } from '../../src/api/names.ts'
import { validPod } from './arbitrary-pod.ts'
import { at, HTTP, type Loose, podWith, trustOf } from './fixtures.ts'
import { gate, RESTRICTED } from './lab.ts'

const SAMPLE = 520

tap.test('a kube-apiserver takes what inject() makes of random Pods, under Pod Security `restricted`', async (t) => {
  const namespaces = {
    shop: { labels: { ...RESTRICTED, 'sekisho.dev/waf': 'block' } },
    stall: { labels: { ...RESTRICTED, 'sekisho.dev/waf': 'detect' } },
    inn: { labels: { ...RESTRICTED, 'sekisho.dev/protected': 'true' } },
  }
  const { cluster } = await gate(t, { namespaces: { ...namespaces, bare: { labels: RESTRICTED } } })

  const seen = { carried: 0, without: 0, refused: 0 }
  const judge = async (pod: Pod, namespace: string) => {
    // What is not about us must pass without us too: the Pod itself has to be one that a cluster takes.
    const plain = structuredClone(pod) as Loose
    delete plain.metadata.labels['sekisho.dev/waf']
    const bare = await cluster.api('POST', '/api/v1/namespaces/bare/pods?dryRun=All', plain)
    if (bare.status !== 201) throw new Error(`the generator made what no cluster takes: ${bare.body}`)

    const answer = await cluster.api('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod)
    const body = JSON.parse(answer.body)
    if (answer.status === 403 && /denied the request: Pod .* is refused: /.test(body.message)) {
      seen.refused++
      return
    }
    if (answer.status !== 201) throw new Error(`${answer.status} ${body.message}\n${JSON.stringify(pod)}`)
    const names = (body.spec.initContainers ?? []).map(({ name }: Loose) => name)
    const carries = names.includes(CONTAINER.waf)
    carries ? seen.carried++ : seen.without++
    if (carries && (names[0] !== CONTAINER.rules || names[1] !== CONTAINER.waf)) throw new Error(`order: ${names}`)
    for (const own of (body.spec.initContainers ?? []).slice(0, carries ? 2 : 0)) {
      const token = own.volumeMounts.find(({ mountPath }: Loose) => mountPath.includes('serviceaccount'))
      const rulesToken = own.volumeMounts.some(({ name }: Loose) => name === VOLUME.token)
      if (rulesToken !== (own.name === CONTAINER.rules)) throw new Error(`${own.name}: ${VOLUME.token} ${rulesToken}`)
      if (token?.name !== VOLUME.noToken)
        throw new Error(`${own.name} has an API token: ${JSON.stringify(own.volumeMounts)}`)
    }
  }
  await fc.assert(fc.asyncProperty(validPod('web'), fc.constantFrom(...Object.keys(namespaces)), judge), {
    numRuns: SAMPLE,
    endOnFailure: true,
  })
  t.comment(JSON.stringify(seen))
  t.ok(seen.carried >= 200, `${seen.carried} of ${SAMPLE} carry the WAF`)
  t.ok(seen.without >= 20, `${seen.without} go without`)
})

tap.test('verifyPod() bears with what Kubernetes itself adds after us', async (t) => {
  const apiServerArgs = ['--enable-admission-plugins=NodeRestriction,AlwaysPullImages,DefaultTolerationSeconds']
  const namespaces = { shop: { labels: { ...RESTRICTED, 'sekisho.dev/waf': 'block' } } }
  const { cluster } = await gate(t, { namespaces, start: { apiServerArgs } })
  const limits = {
    type: 'Container',
    default: { cpu: '2', memory: '1Gi', 'ephemeral-storage': '1Gi' },
    defaultRequest: { cpu: '10m', 'ephemeral-storage': '10Mi' },
  }
  const range = await cluster.api('POST', '/api/v1/namespaces/shop/limitranges', {
    metadata: { name: 'limits' },
    spec: { limits: [limits] },
  })
  t.equal(range.status, 201)
  const [pod] = fc.sample(validPod('web'), { numRuns: 1, seed: 7 })
  const asked = { ...pod!, metadata: { name: 'web', labels: { 'sekisho.dev/waf': 'block' } } } as Loose
  asked.spec.containers = [{ ...asked.spec.containers[0], ports: [{ name: 'http', containerPort: 8080 }] }]
  delete asked.spec.initContainers
  asked.spec.automountServiceAccountToken = true
  const answer = await cluster.api('POST', '/api/v1/namespaces/shop/pods', asked)
  t.equal(answer.status, 201, answer.status === 201 ? 'the Pod is made' : answer.body)
  const made = JSON.parse(answer.body)
  const waf = made.spec.initContainers[1]
  t.equal(waf.imagePullPolicy, 'Always', 'AlwaysPullImages ran after us')
  t.equal(waf.resources.limits['ephemeral-storage'], '1Gi', 'so did the LimitRange')
  t.equal(waf.resources.limits.cpu, '1', 'which left what we set')
  t.match(
    at(made, 'spec', 'containers', 0, 'volumeMounts'),
    [{}, { name: /^kube-api-access-/ }],
    'the app has its token',
  )
  t.notOk(
    made.spec.initContainers.some((it: Loose) => it.volumeMounts.some(({ name }: Loose) => /^kube-api/.test(name))),
  )
})

tap.test('a change of what Pods are told refuses no Pod that is being made, on a kube-apiserver', async (t) => {
  const namespaces = { shop: { labels: { ...RESTRICTED, 'sekisho.dev/waf': 'block' } } }
  const current = trustOf('B')
  // The mutating call is answered with one state, the validating call with another: two replicas, or a change in between.
  const states: TrustSnapshot[] = []
  let steady: TrustSnapshot = { current, recent: [] }
  const { cluster } = await gate(t, { namespaces, told: () => states.shift() ?? steady })
  const app = {
    image: 'registry.example/web:1',
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  }
  const securityContext = { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } }
  const pod = podWith({ ports: HTTP, container: app, securityContext, automountServiceAccountToken: false })
  const make = async (...row: TrustSnapshot[]) => {
    states.splice(0, states.length, ...row)
    steady = row.at(-1)!
    const { status, body } = await cluster.api('POST', '/api/v1/namespaces/shop/pods?dryRun=All', pod)
    return { status, body: JSON.parse(body) }
  }
  const still: TrustSnapshot = { current, recent: [] }
  const plain = await make(still, still)
  t.equal(plain.status, 201, plain.body.message)
  const [rules, waf] = plain.body.spec.initContainers
  const env = (container: Loose, name: string) => container.env.find((it: Loose) => it.name === name)?.value
  t.equal(env(rules, 'SEKISHO_RULES_CA'), current.ca)
  t.equal(env(waf, 'SEKISHO_RULES_KEYS'), current.keys.join(' '))
  t.match(
    plain.body.spec.volumes.find(({ name }: Loose) => name === VOLUME.token),
    { projected: { sources: [{ serviceAccountToken: { audience: 'sekisho-rules', expirationSeconds: 3600 } }] } },
    'also where the Pod wants no token of the API',
  )
  const old = trustOf('A')
  const changed = await make({ current: old, recent: [] }, { current, recent: [undefined, old] })
  t.equal(changed.status, 201, changed.body.message)
  t.equal(env(changed.body.spec.initContainers[0], 'SEKISHO_RULES_CA'), old.ca)
  t.equal((await make({ current: undefined, recent: [] }, { current, recent: [undefined] })).status, 201)
  const foreign = await make({ current: trustOf('X'), recent: [] }, { current, recent: [undefined, old] })
  t.equal(foreign.status, 403)
  t.match(foreign.body.message, /SidecarsDiffer|sidecars|sekisho-rules/)
})
