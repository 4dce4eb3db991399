/** Ten thousand random Pods: what must hold for every one of them, whatever it carries. */

import fc from 'fast-check'
import jsonpatch, { type Operation } from 'fast-json-patch'
import tap from 'tap'
import type { Container, ContainerPort, Pod } from '../../src/api/kube.ts'
import { inject } from '../../src/inject/inject.ts'
import type { InjectInput } from '../../src/inject/input.ts'
import { applied } from '../../src/inject/patch.ts'
import { readStatus } from '../../src/inject/status.ts'
import { verifyPod } from '../../src/inject/verify-pod.ts'
import { namespaceLabels, wildPod } from './arbitrary-pod.ts'
import { inputOf, type Loose, namespaceWith, settingsWith } from './fixtures.ts'

const RUNS = 10_000
const TAMPER_RUNS = 4_000
const arbitraryInput: fc.Arbitrary<InjectInput> = fc
  .record({
    pod: wildPod,
    labels: namespaceLabels,
    selector: fc.constantFrom(undefined, undefined, 'pool=web,zone=a'),
    lowestMode: fc.constantFrom('off', 'off', 'detect', 'block'),
    allowOff: fc.boolean(),
    imagePullSecrets: fc.constantFrom([], ['pull']),
  })
  .map(({ pod, labels, selector, ...settings }) =>
    inputOf(pod, {
      namespace: namespaceWith(labels, selector === undefined ? {} : { 'sekisho.dev/node-selector': selector }),
      settings: settingsWith(settings),
    }),
  )

const ours = (name: unknown) => typeof name === 'string' && name.startsWith('sekisho-')
const ACTIONS = [
  ['readinessProbe'],
  ['livenessProbe'],
  ['startupProbe'],
  ['lifecycle', 'preStop'],
  ['lifecycle', 'postStart'],
]

/** A container with names of ports and of probes' ports made comparable: a name counts as the number it stands for in that container. */
function usersContainer(container: Container, names: Map<string, number>): unknown {
  const copy = structuredClone(container) as Loose
  for (const port of copy.ports ?? []) delete port.name
  for (const way of ACTIONS)
    for (const kind of ['httpGet', 'tcpSocket']) {
      const action = way.reduce((it, key) => it?.[key], copy)?.[kind]
      if (action !== undefined && names.has(action.port)) action.port = names.get(action.port)
    }
  return copy
}

/** What of a Pod is the user's. `original` gives the numbers behind names, and `taken` the name the WAF took over for a port. */
function usersPart(pod: Pod, original: Pod, taken: Map<number, string>): unknown {
  const copy = structuredClone(pod) as Loose
  const lists = ['containers', 'initContainers'] as const
  for (const list of lists) {
    if (!Array.isArray(copy.spec[list])) {
      delete copy.spec[list]
      continue
    }
    const before = (original.spec?.[list] ?? []).filter(({ name }) => !ours(name))
    copy.spec[list] = copy.spec[list]
      .filter(({ name }: Container) => !ours(name))
      .map((it: Container, i: number) => {
        const named = (before[i]?.ports ?? []).filter(
          (port): port is ContainerPort & { name: string } => !!port.name && (port.protocol ?? 'TCP') === 'TCP',
        )
        // The first one of a name counts.
        const names = new Map(named.toReversed().map(({ name, containerPort }) => [name, containerPort]))
        for (const { name, containerPort: port } of named)
          if (taken.has(port) && !names.has(taken.get(port)!) && name !== '') names.set(taken.get(port)!, port)
        return usersContainer(it, names)
      })
    if (copy.spec[list].length === 0) delete copy.spec[list]
  }
  copy.spec.volumes = (copy.spec.volumes ?? []).filter(({ name }: { name: string }) => !ours(name))
  copy.spec.imagePullSecrets ??= []
  copy.spec.nodeSelector ??= {}
  copy.metadata ??= {}
  copy.metadata.annotations ??= {}
  delete copy.metadata.annotations['sekisho.dev/status']
  return copy
}

/** What injection may add to the user's part: checked, then taken out. */
function withoutAdditions(result: Loose, before: Loose): unknown {
  const copy = structuredClone(result)
  copy.spec.imagePullSecrets = copy.spec.imagePullSecrets.slice(0, before.spec.imagePullSecrets.length)
  for (const key of ['pool', 'zone']) if (!(key in before.spec.nodeSelector)) delete copy.spec.nodeSelector[key]
  const key = 'kubectl.kubernetes.io/default-container'
  if (!(key in before.metadata.annotations)) delete copy.metadata.annotations[key]
  return copy
}

/** Where Kubernetes sends a Service that names a port: containers first, then native sidecars (its FindPort). */
function findPort(pod: Pod, name: string): number | undefined {
  const native = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  for (const container of [...(pod.spec?.containers ?? []), ...native])
    for (const port of container.ports ?? [])
      if (port.name === name && (port.protocol ?? 'TCP') === 'TCP') return port.containerPort
  return undefined
}

/** Key order inside of maps is nobody's; order in lists is. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, it) =>
    it !== null && typeof it === 'object' && !Array.isArray(it)
      ? Object.fromEntries(Object.entries(it).sort(([a], [b]) => (a < b ? -1 : 1)))
      : it,
  )

tap.test('inject() keeps its promises for every Pod', async (t) => {
  const seen = new Map<string, number>()
  fc.assert(
    fc.property(arbitraryInput, (input) => {
      const frozen = JSON.stringify(input.pod)
      const verdict = inject(input)
      seen.set(verdict.reason, (seen.get(verdict.reason) ?? 0) + 1)
      if (JSON.stringify(input.pod) !== frozen) throw new Error('the input was changed')
      if (verdict.verdict === 'deny') return verdict.detail.split('\n').length === 3
      const patch = verdict.patch ?? []
      const result = applied(input.pod, patch)
      // The API server's way to apply it gives the same.
      const theirs = jsonpatch.applyPatch(
        structuredClone(input.pod),
        structuredClone(patch) as Operation[],
        true,
      ).newDocument
      if (JSON.stringify(theirs) !== JSON.stringify(result)) throw new Error('applied() differs from applyPatch()')

      const again = inject({ ...input, pod: result })
      if (again.verdict === 'deny') throw new Error(`refused the second time: ${again.detail}`)
      if ((again.patch ?? []).length > 0) throw new Error(`changed again: ${JSON.stringify(again.patch)}`)
      if (again.reason !== verdict.reason) throw new Error(`first ${verdict.reason}, then ${again.reason}`)
      const verified = verifyPod({ ...input, pod: result })
      if (verified.verdict === 'deny') throw new Error(`not verified: ${verified.detail}`)

      const status = readStatus(result.metadata?.annotations?.['sekisho.dev/status'])
      const taken = new Map((status?.ports ?? []).map(({ name, port }) => [port, name]))
      const before = usersPart(input.pod, input.pod, taken)
      const after = withoutAdditions(usersPart(result, input.pod, taken), before)
      if (canonical(after) !== canonical(before)) throw new Error(`lost: ${canonical(before)}\n→ ${canonical(after)}`)

      if ((verdict.reason === 'Injected') !== (status !== undefined)) throw new Error('the status does not tell')
      for (const { name, port, listener } of status?.ports ?? []) {
        if (findPort(result, name) !== listener) throw new Error(`${name} leads to ${findPort(result, name)}`)
        for (const container of [...result.spec!.containers, ...(result.spec!.initContainers ?? [])])
          for (const it of container.ports ?? [])
            if (it.containerPort === port && (it.protocol ?? 'TCP') === 'TCP' && !ours(container.name) && it.name)
              if (findPort(result, it.name) === port && it.name !== `app-${port}`)
                throw new Error(`round by ${it.name}`)
      }
      return true
    }),
    { numRuns: RUNS },
  )
  t.comment(
    [...seen]
      .sort((a, b) => b[1] - a[1])
      .map(([reason, n]) => `${reason} ${n}`)
      .join(', '),
  )
  for (const reason of ['Injected', 'NotAsked', 'Off', 'NoHttpPort', 'ReservedVolume', 'AmbiguousPorts', 'HostNetwork'])
    t.ok(seen.get(reason)! >= 10, `${reason} was among them`)
})

/** Every way into a value, as a list of paths to its leaves. */
function leaves(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([key, it]) => leaves(it, [...path, Array.isArray(value) ? Number(key) : key]))
}

type Tamper = (pod: Loose, pick: number) => void
const sidecar = (pod: Loose, pick: number) => pod.spec.initContainers[pick % 2]
const TAMPERS: Record<string, Tamper> = {
  'changes a leaf of a sidecar': (pod, pick) => {
    const target = sidecar(pod, pick)
    const all = leaves(target).filter((it) => it.join('.') !== 'imagePullPolicy')
    const path = all[pick % all.length]!
    const parent = path.slice(0, -1).reduce((it, key) => it[key], target)
    parent[path.at(-1)!] = 'tampered'
  },
  'takes a leaf out of a sidecar': (pod, pick) => {
    const target = sidecar(pod, pick)
    const all = leaves(target)
    const path = all[pick % all.length]!
    const parent = path.slice(0, -1).reduce((it, key) => it[key], target)
    if (Array.isArray(parent)) parent.splice(Number(path.at(-1)), 1)
    else delete parent[path.at(-1)!]
  },
  'gives a sidecar a field': (pod, pick) => {
    const fields = [
      { args: ['-x'] },
      { lifecycle: {} },
      { envFrom: [] },
      { tty: true },
      { workingDir: '/' },
      { volumeDevices: [] },
    ]
    Object.assign(sidecar(pod, pick), fields[pick % fields.length])
  },
  'adds a capability': (pod, pick) => {
    sidecar(pod, pick).securityContext.capabilities.add = ['NET_ADMIN']
  },
  'adds a variable': (pod, pick) => sidecar(pod, pick).env.push({ name: 'LD_PRELOAD', value: '/x' }),
  'adds a mount to a sidecar': (pod, pick) => sidecar(pod, pick).volumeMounts.push({ name: 'data', mountPath: '/usr' }),
  'takes a sidecar out': (pod, pick) => pod.spec.initContainers.splice(pick % 2, 1),
  'changes the order': (pod) => pod.spec.initContainers.splice(0, 2, ...pod.spec.initContainers.slice(0, 2).reverse()),
  'adds a second one': (pod) => pod.spec.containers.push({ name: 'sekisho-waf', image: 'x' }),
  'mounts our volume': (pod) => {
    pod.spec.containers[0].volumeMounts = [{ name: 'sekisho-run', mountPath: '/x' }]
  },
  'changes a volume': (pod) => {
    pod.spec.volumes.find((it: Loose) => it.name === 'sekisho-run').hostPath = { path: '/' }
  },
  'takes a volume out': (pod) => {
    pod.spec.volumes = pod.spec.volumes.filter((it: Loose) => it.name !== 'sekisho-tmp')
  },
  'changes the status': (pod) => {
    pod.metadata.annotations['sekisho.dev/status'] = '{}'
  },
  'takes the status out': (pod) => {
    delete pod.metadata.annotations['sekisho.dev/status']
  },
  'gives the app its name back': (pod) => {
    const name = JSON.parse(pod.metadata.annotations['sekisho.dev/status']).ports[0].name
    pod.spec.containers[0].ports = [...(pod.spec.containers[0].ports ?? []), { name, containerPort: 7777 }]
  },
  'shares processes': (pod) => {
    pod.spec.shareProcessNamespace = true
  },
}

tap.test('verifyPod() refuses an injected Pod that was changed afterwards, whatever was changed', async (t) => {
  const names = Object.keys(TAMPERS)
  const tried = new Map<string, number>()
  const blocked = arbitraryInput.map((input) => {
    const labels = { ...input.pod.metadata?.labels, 'sekisho.dev/waf': 'block' }
    return { ...input, pod: { ...input.pod, metadata: { ...input.pod.metadata, labels } } }
  })
  fc.assert(
    fc.property(blocked, fc.constantFrom(...names), fc.nat(1000), (input, name, pick) => {
      const verdict = inject(input)
      if (verdict.reason !== 'Injected' || verdict.verdict === 'deny') return true
      const result = structuredClone(applied(input.pod, verdict.patch ?? []))
      TAMPERS[name]!(result, pick)
      tried.set(name, (tried.get(name) ?? 0) + 1)
      return verifyPod({ ...input, pod: result }).verdict === 'deny'
    }),
    { numRuns: TAMPER_RUNS },
  )
  for (const name of names) t.ok(tried.get(name)! >= 5, `${name}: ${tried.get(name)} times`)
})
