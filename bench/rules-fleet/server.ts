/**
 * One replica of the update server as a process of its own, over a shelf that holds all Pods of the fleet.
 *
 *   node server.ts WORLD.json     tells its port by IPC, then answers `publish` and `usage`
 */

import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Registry } from 'prom-client'
import { background, createLogger } from '../../src/log.ts'
import type { PodFact, SealedOrders, Shelf, Wanted } from '../../src/rules/model.ts'
import { createUpdateServer } from '../../src/rules/serve/server.ts'
import { BUNDLE_BYTES, generationOf, ISSUER, podOf, type ToServer, type Usage, type World } from './fleet.ts'

const world = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as World
const facts = new Map<string, PodFact>()
for (let i = 0; i < world.pods; i++) {
  const pod = podOf(i)
  facts.set(pod.uid, {
    ...pod,
    labels: { app: 'web' },
    workload: 'Deployment/web',
    image: 'registry.local/sekisho/sekisho-waf:1',
    mode: 'block',
    terminating: false,
  })
}
let release = 1
const wants = new Map<string, Wanted>()
let bundle: Uint8Array = randomBytes(BUNDLE_BYTES)
const ordersOf = (namespace: string): SealedOrders => {
  const text = `sekisho-orders 1\nnamespace ${namespace}\nsequence 1\nmode own\nbreak-glass 0\n`
  const id = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { namespace, sequence: 1, mode: 'own', breakGlassUntil: 0, text, id, signature: randomBytes(64) }
}
const publish = () => {
  bundle = randomBytes(BUNDLE_BYTES)
  const sha256 = createHash('sha256').update(bundle).digest('hex')
  for (const { namespace } of facts.values())
    wants.set(namespace, {
      generation: generationOf(release, namespace),
      address: sha256,
      sequence: release,
      sha256,
      bytes: BUNDLE_BYTES,
      orders: wants.get(namespace)?.orders ?? ordersOf(namespace),
    })
}
publish()

const shelf: Shelf = {
  pods: world.pods,
  pod: (namespace, name, uid) => {
    const fact = facts.get(uid)
    return fact?.namespace === namespace && fact.name === name ? fact : undefined
  },
  wanted: ({ namespace }) => wants.get(namespace),
  bundle: (namespace, generation) => (wants.get(namespace)?.generation === generation ? bundle : undefined),
}
const registry = new Registry()
const server = createUpdateServer({
  shelf,
  keys: async () => ({ issuer: ISSUER, jwks: { keys: [world.jwk] } }),
  listen: { address: '0.0.0.0', port: 0 },
  tls: { directory: world.tls },
  poll: world.poll,
  service: { namespace: 'sekisho-system', serviceAccount: 'sekisho-rules' },
  registry,
  log: createLogger({ service: 'sekisho-rules', stream: background('/dev/null') }),
})
const { port } = await server.listen()
process.send!({ port })

const memoryOf = (line: string): number => {
  const found = new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(found?.[1]) / 1024
}
process.on('message', (message: ToServer) => {
  if (message === 'publish') {
    release++
    publish()
  }
  const { user, system } = process.cpuUsage()
  const usage: Usage = {
    cpuSeconds: (user + system) / 1e6,
    memory: memoryOf('VmRSS'),
    peak: memoryOf('VmHWM'),
    heard: server.heard.all().length,
  }
  process.send!(usage)
})
process.on('disconnect', () => process.exit(0))
