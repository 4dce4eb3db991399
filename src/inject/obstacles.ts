/** What makes a Pod impossible to protect, apart from its ports. One entry a reason: add one, and nothing else changes. */
import type { Container, PodSpec } from '../api/kube.ts'
import { isReserved } from './entries.ts'
import { type Note, note } from './note.ts'

/** Containers by which a mesh is known, and what switches it off for one Pod. */
const MESHES: readonly { readonly name: RegExp; readonly hint: string }[] = [
  { name: /^istio-(proxy|init|validation)$/, hint: 'label sidecar.istio.io/inject: "false"' },
  { name: /^linkerd-(proxy|init|network-validator)$/, hint: 'annotation linkerd.io/inject: disabled' },
  { name: /^kuma-(sidecar|init)$/, hint: 'label kuma.io/sidecar-injection: disabled' },
  { name: /^consul-(dataplane|connect-inject-init)$/, hint: 'annotation consul.hashicorp.com/connect-inject: "false"' },
  { name: /^(envoy|envoy-sidecar|nginx-mesh-sidecar|osm-init)$/, hint: 'take the sidecar out' },
]

const SANDBOX = /^(gvisor|runsc|kata|firecracker|nabla|wasm|spin|crun-wasm|wasmtime|wasmedge|cloud-hypervisor)/

type Check = (spec: PodSpec) => Note | undefined

/** Without ours and those forged in our name: they are replaced, so nothing may depend on them. */
const appsOf = (containers: readonly Container[]): readonly Container[] =>
  containers.filter(({ name }) => !isReserved(name))

const hostNetwork: Check = (spec) => (spec.hostNetwork === true ? note('HostNetwork') : undefined)

const sharedProcesses: Check = (spec) => {
  const field = ['shareProcessNamespace', 'hostPID'].find((key) => spec[key] === true)
  return field === undefined ? undefined : note('SharedProcesses', { field })
}

const serviceMesh: Check = (spec) => {
  const apps = appsOf(spec.containers)
  for (const { name } of [...apps, ...appsOf(spec.initContainers ?? [])]) {
    const mesh = MESHES.find((it) => it.name.test(name ?? ''))
    // An Envoy that is the only container is an app like any other: an edge proxy.
    if (mesh !== undefined && !(name === 'envoy' && apps.length === 1))
      return note('ServiceMesh', { container: name, hint: mesh.hint })
  }
  return undefined
}

const sandboxedRuntime: Check = ({ runtimeClassName }) =>
  runtimeClassName && SANDBOX.test(runtimeClassName) ? note('SandboxedRuntime', { class: runtimeClassName }) : undefined

const windows: Check = (spec) => {
  const os = (spec['os'] as { name?: unknown } | null | undefined)?.name
  const selector = (spec['nodeSelector'] as Record<string, string> | null | undefined)?.['kubernetes.io/os']
  return os === 'windows' || selector === 'windows' ? note('Windows') : undefined
}

const CHECKS: readonly Check[] = [hostNetwork, sharedProcesses, serviceMesh, sandboxedRuntime, windows]

/** The first obstacle. */
export function obstacleOf(spec: PodSpec): Note | undefined {
  for (const check of CHECKS) {
    const found = check(spec)
    if (found !== undefined) return found
  }
  return undefined
}
