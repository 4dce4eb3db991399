/** A few calls to the API server as its administrator, for what the lab itself has to ask: no client library, no cache, no retry. */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'

export interface Answer {
  readonly status: number
  readonly body: string
}
export type Api = (method: string, path: string, body?: unknown) => Promise<Answer>

/** A caller of one API server that shows the certificate `identity` of the folder `pki`. */
export function apiCaller(server: string, pki: string, identity = 'admin'): Api {
  const read = (file: string) => readFileSync(join(pki, file))
  const agent = new Agent({
    ca: read('ca.crt'),
    cert: read(`${identity}.crt`),
    key: read(`${identity}.key`),
    keepAlive: true,
  })
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' }
      const call = request(new URL(path, server), { method, agent, headers, timeout: 10_000 }, (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece))
        response.on('error', reject)
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: String(Buffer.concat(pieces)) }))
      })
      call.on('error', reject)
      call.on('timeout', () => call.destroy(new Error(`no answer from ${server}${path} in 10 s`)))
      call.end(body === undefined ? undefined : JSON.stringify(body))
    })
}
