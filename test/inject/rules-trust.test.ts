/** What Pods are told of `sekisho rules`: put in whole or not at all, and a change between the two calls refuses nobody. */
import tap from 'tap'
import type { Pod } from '../../src/api/kube.ts'
import { inject } from '../../src/inject/inject.ts'
import { verifyPod } from '../../src/inject/verify-pod.ts'
import { at, BLOCK, HTTP, IMAGE, injected, inputOf, type Loose, podWith, settingsWith, trustOf } from './fixtures.ts'

const pod = podWith({ labels: BLOCK, ports: HTTP })
const rulesTrust = trustOf('A')
const container = (made: Pod, index: number): Loose => at(made, 'spec', 'initContainers', index)
const env = (made: Pod, index: number): Record<string, unknown> =>
  Object.fromEntries(container(made, index).env.map(({ name, value }: Loose) => [name, value]))
const volumes = (made: Pod): string[] => at(made, 'spec', 'volumes').map(({ name }: Loose) => name)

tap.test('inject() tells the rule-updater where, whom to believe and what it runs, and the WAF the keys', async (t) => {
  const made = injected(pod, { rulesTrust })
  t.match(env(made, 0), {
    SEKISHO_RULES_URL: 'https://sekisho-rules.sekisho-system.svc:443',
    SEKISHO_RULES_CA: rulesTrust.ca,
    SEKISHO_RULES_KEYS: rulesTrust.keys.join(' '),
    SEKISHO_IMAGE: IMAGE,
  })
  t.notOk('SEKISHO_RULES_CONNECT_TO' in env(made, 0))
  t.equal(env(made, 1)['SEKISHO_RULES_KEYS'], rulesTrust.keys.join(' '))
  t.notOk('SEKISHO_RULES_URL' in env(made, 1))
  t.ok('SEKISHO_POD_NAMESPACE' in env(made, 1))
  const mounted = (index: number) =>
    container(made, index).volumeMounts.filter(({ name }: Loose) => name === 'sekisho-token')
  t.same(mounted(0), [{ name: 'sekisho-token', mountPath: '/var/run/secrets/sekisho', readOnly: true }])
  t.same(mounted(1), [], 'the token is in the rule-updater alone')
  t.same(
    at(made, 'spec', 'volumes').find(({ name }: Loose) => name === 'sekisho-token'),
    {
      name: 'sekisho-token',
      projected: {
        defaultMode: 420,
        sources: [{ serviceAccountToken: { audience: 'sekisho-rules', expirationSeconds: 3600, path: 'token' } }],
      },
    },
  )
  const settings = settingsWith({ updates: { connectTo: '10.96.0.7:443' } })
  t.equal(env(injected(pod, { rulesTrust, settings }), 0)['SEKISHO_RULES_CONNECT_TO'], '10.96.0.7:443')
})

tap.test('inject() tells nothing without an address, or while no keys are known', async (t) => {
  const settings = settingsWith({ updates: { url: '' } })
  for (const more of [{}, { rulesTrust, settings }]) {
    const made = injected(pod, more)
    t.notOk(Object.keys({ ...env(made, 0), ...env(made, 1) }).some((name) => name.startsWith('SEKISHO_RULES_')))
    t.notOk(volumes(made).includes('sekisho-token'))
  }
})

tap.test(
  'inject() given its own result again changes nothing; with other keys it replaces what there was',
  async (t) => {
    const made = injected(pod, { rulesTrust })
    const again = inject(inputOf(made, { rulesTrust }))
    t.match(again, { verdict: 'allow', patch: [] })
    const renewed = injected(made, { rulesTrust: trustOf('B') })
    t.equal(env(renewed, 0)['SEKISHO_RULES_CA'], trustOf('B').ca)
    t.same(volumes(renewed), volumes(made))
    const taken = injected(made)
    t.notOk(volumes(taken).includes('sekisho-token'), 'nor does the token stay where it is for nothing')
  },
)

tap.test('verifyPod() takes what was told a moment ago, and nothing that never was', async (t) => {
  const made = injected(pod, { rulesTrust })
  const now = inputOf(made, { rulesTrust: trustOf('B') })
  t.match(verifyPod(inputOf(made, { rulesTrust })), { verdict: 'allow', reason: 'Verified' })
  t.match(verifyPod(now), { verdict: 'deny', reason: 'SidecarsDiffer' })
  t.match(verifyPod(now, [undefined, rulesTrust]), { verdict: 'allow', reason: 'Verified' })
  t.match(verifyPod(now, [undefined, trustOf('C')]), { verdict: 'deny', reason: 'SidecarsDiffer' })
  const mixed = structuredClone(made) as Loose
  mixed.spec.initContainers[1].env.find(({ name }: Loose) => name === 'SEKISHO_RULES_KEYS').value =
    trustOf('B').keys.join(' ')
  t.match(verifyPod(inputOf(mixed, { rulesTrust: trustOf('B') }), [rulesTrust]), { reason: 'SidecarsDiffer' })
})

tap.test('a token volume that others mount, or that is made wider, is refused', async (t) => {
  const mount = { name: 'sekisho-token', mountPath: '/x', readOnly: true }
  const asks = podWith({ labels: BLOCK, ports: HTTP, container: { volumeMounts: [mount] } })
  t.equal(inject(inputOf(asks, { rulesTrust })).verdict, 'deny', 'an app that mounts it')
  const made = injected(pod, { rulesTrust })
  const forged: [string, (it: Loose) => void][] = [
    ['mounted by the app after us', (it) => (it.spec.containers[0].volumeMounts = [mount])],
    ['mounted by the WAF', (it) => it.spec.initContainers[1].volumeMounts.push(mount)],
    ['writable', (it) => delete it.spec.initContainers[0].volumeMounts.at(-1).readOnly],
    ['for another audience', (it) => (tokenOf(it).audience = 'https://kubernetes.default.svc')],
    ['for longer', (it) => (tokenOf(it).expirationSeconds = 86_400)],
    [
      'with a Secret beside it',
      (it) => sourcesOf(it).push({ secret: { name: 'x', items: [{ key: 'k', path: 'token2' }] } }),
    ],
    ['with a bundle in it', (it) => (sourcesOf(it)[0].clusterTrustBundle = { path: 'x', name: 'y' })],
  ]
  for (const [what, forge] of forged) {
    const it = structuredClone(made)
    forge(it)
    t.equal(verifyPod(inputOf(it, { rulesTrust }), [undefined]).verdict, 'deny', what)
  }
})
const sourcesOf = (it: Loose) => it.spec.volumes.find(({ name }: Loose) => name === 'sekisho-token').projected.sources
const tokenOf = (it: Loose) => sourcesOf(it)[0].serviceAccountToken

tap.test('a Pod that carries what it was told stays far below what an API server takes as a patch', async (t) => {
  const ca = 'x'.repeat(3 * 1600)
  const verdict = inject(inputOf(pod, { rulesTrust: { ...rulesTrust, ca } }))
  t.ok(verdict.verdict === 'allow' && JSON.stringify(verdict.patch).length < 20_000)
})
