/**
 * A small API server that plays a large cluster to one webhook: lists, watches with a streaming list, the single reads the guard makes. Its
 * objects are copies of real ones, given in a file; only names differ. It runs as a process of its own, so that its memory is its own.
 *
 *   node played-api.ts FOLDER     reads FOLDER/played.json, prints its port, serves until its parent is gone
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'

export interface Played {
  readonly cert: string
  readonly key: string
  readonly nodes: number
  readonly pods: number
  readonly namespaces: number
  readonly services: number
  /** Changes of nodes sent each second to who watches them. */
  readonly changes: number
  readonly shapes: { readonly node: Shape; readonly idsPod: Shape; readonly daemonSet: Shape; readonly service: Shape }
}
interface Shape {
  readonly metadata: { readonly name: string; readonly [key: string]: unknown }
  readonly [key: string]: unknown
}

const BOOKMARK_MS = 55_000
const played = JSON.parse(readFileSync(`${process.argv[2]}/played.json`, 'utf8')) as Played
let version = 1_000_000

const stamped = (shape: Shape, name: string, more: object = {}) => ({
  ...shape,
  metadata: { ...shape.metadata, name, resourceVersion: String(version), ...more },
})
const each = (count: number, make: (i: number) => object) =>
  function* () {
    for (let i = 0; i < count; i++) yield make(i)
  }
const { node, idsPod, daemonSet, service } = played.shapes
const nodeNamed = (i: number) => {
  const labels = { ...(node.metadata['labels'] as object), 'kubernetes.io/hostname': `node-${i}` }
  return stamped(node, `node-${i}`, { labels })
}
const podOn = (i: number) => ({
  ...stamped(idsPod, `sekisho-ids-${i}`),
  spec: { ...(idsPod['spec'] as object), nodeName: `node-${i}` },
})
const NODE_PODS = '/api/v1/namespaces/sekisho-node/pods'

const LISTS: Readonly<Record<string, () => Iterable<object>>> = {
  '/api/v1/nodes': each(played.nodes, nodeNamed),
  [NODE_PODS]: each(played.nodes, podOn),
  '/apis/apps/v1/namespaces/sekisho-node/daemonsets': each(1, () => stamped(daemonSet, 'sekisho-ids')),
  '/api/v1/namespaces': each(played.namespaces, (i) => ({
    metadata: {
      name: `team-${i}`,
      resourceVersion: String(version),
      labels: {
        'kubernetes.io/metadata.name': `team-${i}`,
        'sekisho.dev/protected': 'true',
        'pod-security.kubernetes.io/enforce': 'restricted',
      },
    },
  })),
  '/api/v1/services': each(played.services, (i) =>
    stamped(service, `service-${i}`, { namespace: `team-${i % played.namespaces}` }),
  ),
  '/apis/networking.k8s.io/v1/networkpolicies': each(0, () => ({})),
}

const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`
const bookmark = (annotations: object = {}) =>
  line('BOOKMARK', { metadata: { resourceVersion: String(version), annotations } })

/** Writes as fast as the reader takes it, as a real server does. */
async function watch(response: ServerResponse, path: string, fill: boolean): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' })
  if (fill) {
    for (const object of LISTS[path]!()) {
      if (response.destroyed) return
      if (!response.write(line('ADDED', object))) await new Promise((resolve) => response.once('drain', resolve))
    }
    response.write(bookmark({ 'k8s.io/initial-events-end': 'true' }))
  }
  const timers = [setInterval(() => response.write(bookmark()), BOOKMARK_MS)]
  if (path === '/api/v1/nodes') {
    let at = 0
    const change = () => {
      version++
      response.write(line('MODIFIED', nodeNamed(at++ % played.nodes)))
    }
    timers.push(setInterval(change, 1000 / played.changes))
  }
  response.on('close', () => timers.forEach(clearInterval))
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname: path, searchParams: query } = new URL(request.url ?? '', 'https://localhost')
  const send = (status: number, body: object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  if (query.get('watch') === 'true' && path in LISTS)
    return void watch(response, path, query.get('sendInitialEvents') === 'true')
  const on = /^spec\.nodeName=node-(\d+)$/.exec(query.get('fieldSelector') ?? '')
  if (path === NODE_PODS && on) return void send(200, { items: [podOn(Number(on[1]))] })
  const one = /^\/api\/v1\/nodes\/node-(\d+)$/.exec(path)
  if (one) return void send(200, nodeNamed(Number(one[1])))
  if (path.endsWith('/daemonsets/sekisho-ids')) return void send(200, stamped(daemonSet, 'sekisho-ids'))
  // The Pods of a namespace, asked by `spec.hostNetwork=true`: the API server looks through them, and sends those that match: none.
  if (/^\/api\/v1\/namespaces\/[^/]+\/pods$/.test(path)) return void send(200, { items: null })
  if (path.endsWith('/subjectaccessreviews')) return void send(201, { status: { allowed: false } })
  send(404, { kind: 'Status', code: 404, message: `not played: ${path}` })
}

const server = createServer({ cert: played.cert, key: played.key }, answer)
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as { port: number }).port}\n`))
process.stdin.resume().on('end', () => process.exit(0))
