import tap from 'tap'
import { inject } from '../../src/inject/inject.ts'
import { BLOCK, DETECT, HTTP, inputOf, namespaceWith, podWith, settingsWith } from './fixtures.ts'

const container = (name: string) => ({ name, image: 'x' })
const OBSTACLES: [string, object][] = [
  ['HostNetwork', { hostNetwork: true }],
  ['SharedProcesses', { shareProcessNamespace: true }],
  ['SharedProcesses', { hostPID: true }],
  ['SandboxedRuntime', { runtimeClassName: 'kata-qemu' }],
  ['SandboxedRuntime', { runtimeClassName: 'gvisor' }],
  ['Windows', { os: { name: 'windows' } }],
  ['Windows', { nodeSelector: { 'kubernetes.io/os': 'windows' } }],
  ['ServiceMesh', { initContainers: [container('linkerd-init')] }],
  ['ServiceMesh', { initContainers: [{ ...container('istio-proxy'), restartPolicy: 'Always' }] }],
  ['ServiceMesh', { containers: [{ ...container('web'), ports: HTTP }, container('envoy')] }],
  ['PortClash', { ports: [...HTTP, { containerPort: 15021 }] }],
]
const reasons = (parts: object, labels?: Record<string, string>, namespace = {}, settings = settingsWith()) => {
  const pod = podWith({ ports: HTTP, ...(labels && { labels }), ...parts })
  const { verdict, reason, warnings } = inject(inputOf(pod, { namespace: namespaceWith(namespace), settings }))
  return `${verdict} ${reason} ${warnings.length}`
}

tap.test(
  'inject() refuses what cannot be protected: asked by the Pod, in block, or under a floor; else it warns',
  async (t) => {
    for (const [code, parts] of OBSTACLES) {
      t.equal(reasons(parts, BLOCK), `deny ${code} 0`, `${code}: the Pod asks`)
      t.equal(reasons(parts, DETECT), `deny ${code} 0`, `${code}: the Pod asks for detect`)
      t.equal(reasons(parts, undefined, BLOCK), `deny ${code} 0`, `${code}: its namespace blocks`)
      t.equal(reasons(parts, undefined, DETECT), `allow ${code} 1`, `${code}: its namespace detects`)
      const floor = settingsWith({ lowestMode: 'detect' })
      t.equal(reasons(parts, undefined, DETECT, floor), `deny ${code} 0`, `${code}: the platform wants it`)
      t.equal(reasons(parts), 'allow NotAsked 0', `${code}: nobody asks`)
    }
  },
)

tap.test(
  'inject() lets a Pod without HTTP port through under its namespace’s mode, whatever else it does',
  async (t) => {
    t.equal(reasons({ ports: undefined }, undefined, BLOCK), 'allow NoHttpPort 1')
    t.equal(reasons({ ports: undefined, hostNetwork: true }, undefined, BLOCK), 'allow NoHttpPort 1')
    t.equal(reasons({ ports: undefined }, BLOCK), 'deny NoHttpPort 0')
    t.equal(reasons({ ports: undefined, hostNetwork: true }, BLOCK), 'deny HostNetwork 0', 'the worse reason is told')
  },
)

tap.test('inject() takes an Envoy that is alone, and names that only look like a mesh', async (t) => {
  t.equal(reasons({ containers: [{ ...container('envoy'), ports: HTTP }] }, BLOCK), 'allow Injected 0')
  const forged = [{ ...container('envoy'), ports: HTTP }, container('sekisho-waf')]
  t.equal(
    reasons({ containers: forged }, BLOCK),
    'allow Injected 0',
    'a forged container does not count as another one',
  )
  t.equal(reasons({ container: { name: 'my-istio-proxy' } }, BLOCK), 'allow Injected 0')
  t.equal(reasons({ runtimeClassName: 'nvidia' }, BLOCK), 'allow Injected 0')
  t.equal(
    reasons({ os: { name: 'linux' }, hostNetwork: false, shareProcessNamespace: false }, BLOCK),
    'allow Injected 0',
  )
})
