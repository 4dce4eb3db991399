/** What the injector's tests share: settings, namespaces, Pods, and an input around them. */
import type { Pod } from '../../src/api/kube.ts'
import type { NamespaceView, NetworkPolicyView, ServiceView } from '../../src/api/views.ts'
import { type InjectSettings, injectSettings } from '../../src/config/webhook.ts'
import { inject } from '../../src/inject/inject.ts'
import type { InjectInput, RulesTrust } from '../../src/inject/input.ts'
import { applied } from '../../src/inject/patch.ts'

export const VERSION = '0.0.0-test'
export const IMAGE = 'registry.example/sekisho-waf:1'

export const settingsWith = (more: Record<string, unknown> = {}): InjectSettings =>
  injectSettings.parse({ capture: 'port', image: IMAGE, ...more })
export const SETTINGS = settingsWith()

const keyOf = (letter: string): string => `${letter.repeat(43)}=`
/** What Pods are told of `sekisho rules`, by a name; decisions look at nothing else. */
export const trustOf = (name: string): RulesTrust => ({
  ca: `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`,
  keys: [keyOf(name.slice(0, 1)), keyOf('Z')],
})

export const namespaceWith = (
  labels: Record<string, string> = {},
  annotations: Record<string, string> = {},
): NamespaceView => ({ name: 'shop', labels, annotations })

export interface PodParts {
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ports?: unknown
  container?: Record<string, unknown>
  containers?: unknown[]
  [specField: string]: unknown
}

/** A Pod with one container `web` that has `ports`, unless `containers` says otherwise. */
export function podWith({ labels, annotations, ports, container, containers, ...spec }: PodParts = {}): Pod {
  const app = { name: 'web', image: 'registry.example/web:1', ...(ports === undefined ? {} : { ports }), ...container }
  const metadata = { name: 'web', ...(labels && { labels }), ...(annotations && { annotations }) }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers: containers ?? [app], ...spec },
  } as unknown as Pod
}

export const HTTP = [{ name: 'http', containerPort: 8080 }]
export const BLOCK = { 'sekisho.dev/waf': 'block' }
export const DETECT = { 'sekisho.dev/waf': 'detect' }

export const serviceWith = (
  targetPort: number | string,
  selector: Record<string, string> = { app: 'web' },
): ServiceView => ({
  namespace: 'shop',
  name: 'web',
  selector,
  ports: [{ port: 80, targetPort, protocol: 'TCP' }],
})

export const policyWith = (port: number | string, endPort?: number): NetworkPolicyView => ({
  namespace: 'shop',
  name: 'web-in',
  podSelector: { matchLabels: { app: 'web' } },
  ingressPorts: [{ port, protocol: 'TCP', ...(endPort !== undefined && { endPort }) }],
})

export const inputOf = (pod: Pod, more: Partial<InjectInput> = {}): InjectInput => ({
  pod,
  namespace: namespaceWith(),
  settings: SETTINGS,
  version: VERSION,
  services: [],
  networkPolicies: [],
  ...more,
})

/** The Pod after injection. @throws with the refusal where there is one. */
export function injected(pod: Pod, more: Partial<InjectInput> = {}): Pod {
  const verdict = inject(inputOf(pod, more))
  if (verdict.verdict === 'deny') throw new Error(verdict.detail)
  return applied(pod, verdict.patch ?? [])
}

// biome-ignore lint/suspicious/noExplicitAny: tests look where types do not lead
export type Loose = any
/** Any part of a value, or undefined. */
export const at = (value: unknown, ...path: (string | number)[]): Loose =>
  path.reduce<Loose>((it, key) => it?.[key], value)
