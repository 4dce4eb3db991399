/** A webhook that allows everything and remembers by which entry it was called. */
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { issueCa, issueLeaf } from '../../certs-job/issue.ts'

export interface Call {
  readonly kind: string
  readonly entry: string
  readonly operation: string
  readonly resource: string
}

export const startRecorder = async () => {
  const lifetime = { now: Date.now(), days: 1, backdateMs: 300_000 }
  const ca = await issueCa(lifetime)
  const leaf = await issueLeaf({ ...ca, notAfter: Date.now() + 86_400_000 }, ['localhost'], lifetime)
  let calls: Call[] = []
  const server = createServer(
    { cert: leaf.certPem, key: leaf.keyPem, keepAliveTimeout: 100_000 },
    async (incoming, outgoing) => {
      const { request } = JSON.parse(await text(incoming))
      const [, kind = '', entry = ''] = new URL(incoming.url ?? '', 'https://localhost').pathname.split('/')
      const resource = request.subResource
        ? `${request.resource.resource}/${request.subResource}`
        : request.resource.resource
      calls.push({ kind, entry, operation: request.operation, resource })
      outgoing.setHeader('content-type', 'application/json')
      const response = { uid: request.uid, allowed: true }
      outgoing.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }))
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    caPem: ca.certPem,
    origin: `https://localhost:${(server.address() as AddressInfo).port}`,
    /** The calls since the last time this was asked. */
    take: (): Call[] => {
      const taken = calls
      calls = []
      return taken
    },
    stop: (): void => {
      server.close()
      server.closeAllConnections()
    },
  }
}
