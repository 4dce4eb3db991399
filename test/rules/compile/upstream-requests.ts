/** The requests of the Core Rule Set's own regression tests, as bytes. */
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { parse } from 'yaml'
import { ensureCrs } from '../../images/crs.ts'
import { POD_IP } from '../../waf/own-network.ts'

interface Input {
  readonly method?: string
  readonly uri?: string
  readonly version?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly data?: string
  readonly encoded_request?: string
  readonly autocomplete_headers?: boolean
}

function bytesOf(input: Input): Buffer {
  if (input.encoded_request !== undefined) return Buffer.from(input.encoded_request, 'base64')
  const { method = 'GET', uri = '/', version = 'HTTP/1.1', data = '' } = input
  const body = Buffer.from(data)
  const headers = new Map(Object.entries(input.headers ?? {}))
  const lower = new Set([...headers.keys()].map((name) => name.toLowerCase()))
  if (input.autocomplete_headers !== false && body.length > 0) {
    if (!lower.has('content-length')) headers.set('Content-Length', String(body.length))
    if (!lower.has('content-type')) headers.set('Content-Type', 'application/x-www-form-urlencoded')
  }
  if (!lower.has('connection')) headers.set('Connection', 'close')
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.concat([Buffer.from(`${method} ${uri} ${version}\r\n${lines}\r\n`), body])
}

/** Every `step`th of them. */
export async function upstreamRequests(step: number): Promise<Buffer[]> {
  const { tests } = await ensureCrs({ log: () => {} })
  const files = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yaml'))
  const inputs = files.sort().flatMap((name) => {
    const read = parse(readFileSync(join(tests, name), 'utf8')) as { tests: { stages: { input: Input }[] }[] } | null
    const cases = read?.tests ?? []
    return cases.flatMap(({ stages }) => stages.map(({ input }) => input))
  })
  return inputs.filter((_, index) => index % step === 0).map(bytesOf)
}

/** What comes back to these bytes, up to its end or two seconds. */
export const send = (bytes: Buffer): Promise<string> =>
  new Promise((done) => {
    let text = ''
    const socket = connect(15080, POD_IP, () => socket.write(bytes))
    socket.setTimeout(2000, () => socket.destroy())
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
      // Whoever asked for keep-alive would wait for the end in vain.
      if (/^HTTP\/1\.\d \d{3}.*?\r\n\r\n/s.test(text)) socket.destroy()
    })
    socket.on('error', () => {}).on('close', () => done(text))
  })
