/**
 * One server of the `admission` benchmark, as a process of its own: `ours` is the webhook with its real reviewers over a
 * namespace of plausible size; `rival` is fastify over the same TLS that parses the body and allows.
 * Speaks with the benchmark by IPC: tells its port, and its CPU time when asked. The rival can be told a patch to answer with.
 */
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fastify } from 'fastify'
import { createMetrics } from '../../src/admission/metrics.ts'
import { createReviewers } from '../../src/admission/reviewers/index.ts'
import { createServer } from '../../src/admission/server.ts'
import type { NamespaceView, NetworkPolicyView, ServiceView } from '../../src/api/views.ts'
import { webhookConfig } from '../../src/config/webhook.ts'
import { background, createLogger } from '../../src/log.ts'

const [which, directory] = process.argv.slice(2) as [string, string]

const namespace: NamespaceView = { name: 'shop', labels: { 'sekisho.dev/waf': 'block' }, annotations: {} }
const services: ServiceView[] = Array.from({ length: 20 }, (_, i) => ({
  namespace: 'shop',
  name: `service-${i}`,
  selector: { app: i === 0 ? 'web' : `other-${i}` },
  ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
}))
const networkPolicies: NetworkPolicyView[] = Array.from({ length: 10 }, (_, i) => ({
  namespace: 'shop',
  name: `policy-${i}`,
  podSelector: { matchLabels: { app: `other-${i}` } },
  ingressPorts: [{ port: 8080, protocol: 'TCP' }],
}))

const ours = async (): Promise<number> => {
  const config = webhookConfig.parse({
    listen: { address: '127.0.0.1', port: 0 },
    health: { address: '127.0.0.1', port: 0 },
    tls: { directory },
    inject: { capture: 'port', image: 'registry.local/sekisho/sekisho-waf:1' },
  })
  const reader = {
    namespace: () => namespace,
    liveNamespace: async () => namespace,
    services: () => services,
    networkPolicies: () => networkPolicies,
    protectedPods: async () => [],
    protectedPod: async () => null,
  }
  const nobody = (): never => {
    throw new Error('not asked in this benchmark')
  }
  const guard = {
    nodes: nobody,
    idsPods: nobody,
    idsDaemonSet: nobody,
    idsLeases: nobody,
    replaced: nobody,
    protectedNamespaces: nobody,
    look: nobody,
    hostNetworkPods: nobody,
    mayOpen: nobody,
  }
  const server = createServer({
    ...config,
    reviewers: createReviewers({
      inject: { reader, settings: config.inject, version: '1' },
      guard: { reader: { ...reader, ...guard }, settings: config.guard, now: Date.now },
      policy: { reader: guard, settings: config.policy, now: Date.now },
    }),
    metrics: createMetrics('1', new Set(['Injected', 'Verified'])),
    // Every line is made and written, as in a cluster; only nobody keeps it.
    log: createLogger({ service: 'sekisho-webhook', stream: background('/dev/null') }),
  })
  return (await server.listen()).port
}

let patch: string | undefined
const rival = async (): Promise<number> => {
  const file = (name: string) => readFileSync(join(directory, name))
  const app = fastify({
    https: { cert: file('tls.crt'), key: file('tls.key'), minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] },
    bodyLimit: 7 * 1024 * 1024,
  })
  for (const path of ['/mutate', '/validate']) {
    app.post<{ Body: { request: { uid: string } } }>(path, async ({ body }) => {
      const answer = { uid: body.request.uid, allowed: true }
      const mutation = patch === undefined || path === '/validate' ? {} : { patch, patchType: 'JSONPatch' }
      return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { ...answer, ...mutation } }
    })
  }
  await app.listen({ host: '127.0.0.1', port: 0 })
  return (app.server.address() as AddressInfo).port
}

const port = await (which === 'ours' ? ours() : rival())
process.send!({ port })
process.on('message', (message) => {
  if (typeof message === 'object' && message !== null && 'patch' in message) patch = String(message.patch)
  const { user, system } = process.cpuUsage()
  process.send!({ cpuSeconds: (user + system) / 1e6 })
})
process.on('disconnect', () => process.exit(0))
