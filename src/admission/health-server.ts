/** Plain HTTP for the kubelet and Prometheus: `/healthz/live`, `/healthz/ready`, `/metrics`. It answers nothing else and reads no body. */
import { createServer, type Server } from 'node:http'
import type { AdmissionMetrics } from './metrics.ts'
import { type Checks, readiness } from './readiness.ts'

/** What it needs of a program's metrics. */
export type Readable = Pick<AdmissionMetrics, 'ready' | 'text' | 'contentType'>

export const createHealthServer = (checks: Checks, metrics: Readable): Server => {
  const text = 'text/plain; charset=utf-8'
  const answer = async (path: string): Promise<[status: number, type: string, body: string]> => {
    if (path === '/healthz/live') return [200, text, 'ok\n']
    // Metrics tell readiness as it is now, not as it was when the kubelet last asked.
    const { ready, lines } = readiness(checks, metrics.ready)
    if (path === '/healthz/ready') return [ready ? 200 : 503, text, `${lines.join('\n')}\n`]
    if (path === '/metrics') return [200, metrics.contentType, await metrics.text()]
    return [404, text, 'known are /healthz/live, /healthz/ready and /metrics\n']
  }
  const server = createServer((request, response) => {
    request.resume()
    const reading = request.method === 'GET' || request.method === 'HEAD'
    const path = (request.url ?? '').split('?', 1)[0]!
    const reply = reading ? answer(path) : Promise.resolve([405, text, 'only GET\n'] as const)
    reply
      .catch((error: unknown) => [500, text, `${String(error)}\n`] as const)
      .then(([status, type, body]) => {
        response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
        response.end(request.method === 'HEAD' ? undefined : body)
      })
  })
  // A probe is one small request; nobody may hold a connection open by sending slowly.
  server.requestTimeout = 10_000
  server.headersTimeout = 5_000
  return server
}
