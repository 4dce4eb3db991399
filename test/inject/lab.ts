/** A real control plane with our real webhook server before it: what the cluster tests of this room share. */
import { readFileSync } from 'node:fs'
import type { Test } from 'tap'
import { parse } from 'yaml'
import { createReviewers } from '../../src/admission/reviewers/index.ts'
import type { TrustSnapshot } from '../../src/admission/rules-trust.ts'
import { policySettings } from '../../src/config/rules.ts'
import { guardSettings, type InjectSettings } from '../../src/config/webhook.ts'
import { startServer } from '../admission/support.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { StartOptions } from '../cluster/start.ts'
import { cacheOf, lab, until } from '../cluster-cache/lab.ts'
import { SETTINGS, trustOf, VERSION } from './fixtures.ts'

type Webhook = { clientConfig: { service: { path: string } } }

/** The entries of manifests/, but for the address: the server runs beside the test, not behind a Service. */
async function install(cluster: Cluster, port: number, caPem: string): Promise<void> {
  const caBundle = Buffer.from(caPem).toString('base64')
  for (const file of ['mutating', 'validating']) {
    const text = readFileSync(new URL(`../../manifests/base/${file}.yaml`, import.meta.url), 'utf8')
    const { webhooks, ...configuration } = parse(text) as { kind: string; webhooks: Webhook[] }
    const here = webhooks.map((it) => {
      const { path } = it.clientConfig.service
      return { ...it, clientConfig: { url: `https://localhost:${port}${path}`, caBundle } }
    })
    const resource = `/apis/admissionregistration.k8s.io/v1/${configuration.kind.toLowerCase()}s`
    const answer = await cluster.api('POST', resource, { ...configuration, webhooks: here })
    if (answer.status !== 201) throw new Error(`${configuration.kind}: ${answer.status} ${answer.body}`)
  }
}

export type Namespaces = Readonly<
  Record<string, { readonly labels?: Record<string, string>; readonly annotations?: Record<string, string> }>
>

export interface GateOptions {
  /** Made before the gate is there, which would judge them. */
  readonly namespaces: Namespaces
  readonly start?: Partial<StartOptions>
  readonly settings?: InjectSettings
  readonly version?: string
  /** What Pods are told of `sekisho rules`. */
  readonly told?: () => TrustSnapshot
}

const NONSENSE = {
  metadata: { name: 'x', labels: { 'sekisho.dev/waf': 'x' } },
  spec: { containers: [{ name: 'x', image: 'x' }] },
}

const alwaysTold = (): TrustSnapshot => ({ current: trustOf('A'), recent: [] })

/** Starts both; everything ends with the test. Resolves once the webhook is called and has seen the namespaces. */
export async function gate(
  t: Test,
  { namespaces, start = {}, settings = SETTINGS, version = VERSION, told = alwaysTold }: GateOptions,
) {
  const { cluster, client } = await lab(t, start)
  const [first] = Object.keys(namespaces)
  for (const [name, { labels = {}, annotations = {} }] of Object.entries(namespaces)) {
    await cluster.createNamespace(name, labels)
    for (const [key, value] of Object.entries(annotations))
      await cluster.kubectlOk(['annotate', 'namespace', name, `${key}=${value}`])
  }
  // Filled now, so the namespaces are in it.
  const cache = cacheOf(t, { client })
  await cache.synced()
  const server = await startServer(t, {
    reviewers: createReviewers({
      inject: { reader: cache.reader, settings, version, rulesTrust: { snapshot: told } },
      guard: { reader: cache.reader, settings: guardSettings.parse({}), now: Date.now },
      policy: { reader: cache.reader, settings: policySettings.parse({}), now: Date.now },
    }),
  })
  await install(cluster, server.port, server.ca.certPem)
  await until(
    'the webhook is called',
    () => cluster.api('POST', `/api/v1/namespaces/${first}/pods?dryRun=All`, NONSENSE),
    ({ status, body }) => status === 403 && body.includes('denied the request'),
  )
  return { cluster, client, cache, server }
}

export const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' }
