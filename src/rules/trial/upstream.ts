/** The application behind the bench: takes in whatever comes, answers 200, and remembers which marks reached it. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MARK_HEADER } from './corpus.ts'

/** In each answer: tells it from one that the WAF gives. */
export const ANSWER_HEADER = 'x-sekisho-trial-answer'

export interface Upstream {
  readonly port: number
  /** Whether a request with the mark came, asked once. */
  took(mark: string): boolean
  close(): void
}

/** What a mark can be at most before the oldest is forgotten; nobody asks for as many at once. */
const MOST_MARKS = 4096

/** @throws if the port is taken */
export async function startUpstream(port: number): Promise<Upstream> {
  const marks = new Set<string>()
  const note = (headers: IncomingHttpHeaders) => {
    const mark = headers[MARK_HEADER]
    if (typeof mark !== 'string') return
    marks.add(mark)
    if (marks.size > MOST_MARKS) for (const first of marks.values()) return void marks.delete(first)
  }
  const server = createServer(
    { insecureHTTPParser: true, maxHeaderSize: 65_536, keepAliveTimeout: 30_000 },
    (request, answer) => {
      note(request.headers)
      request.resume()
      request.on('error', () => {})
      request.on('end', () => answer.writeHead(200, { [ANSWER_HEADER]: 'yes', 'content-length': 0 }).end())
    },
  )
  server.on('upgrade', (request, socket) => {
    note(request.headers)
    socket.on('error', () => {})
    socket.end(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${ANSWER_HEADER}: yes\r\n\r\n`,
    )
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    took: (mark) => marks.delete(mark),
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
