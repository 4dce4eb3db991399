/** One updater without its container: polls as the real one does, verifies what it gets as the WAF does, and says that it runs it. */
import { createHash, createPublicKey, verify } from 'node:crypto'
import https from 'node:https'
import { gunzipSync } from 'node:zlib'
import { extract } from 'tar-stream'
import { type Manifest, readManifest } from '../../../src/rules/compile/manifest.ts'

export interface Told {
  readonly status: number
  readonly text: string
  readonly generation: string
  readonly sha256: string
  readonly orders: Readonly<Record<string, string>>
  readonly ordersId: string
}
export interface UpdaterOptions {
  readonly namespace: string
  readonly name: string
  readonly token: string
  readonly ca: string
  /** Of the service that is asked; may be another one each time. */
  readonly port: () => number
  readonly keys: readonly string[]
  readonly engine?: string
}

const get = (url: string, ca: string, headers: Record<string, string>) =>
  new Promise<{ status: number; body: Buffer; headers: Record<string, unknown> }>((resolve, reject) => {
    const request = https.get(url, { ca, headers, agent: false, timeout: 10_000 }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts), headers: response.headers }),
      )
    })
    request.on('timeout', () => request.destroy(new Error(`no answer: ${url}`)))
    request.on('error', reject)
  })

/** As the WAF: the signature by one of the keys, for the namespace, not lower, files as listed. @throws with what is wrong */
function believe(
  files: ReadonlyMap<string, Buffer>,
  keys: readonly string[],
  namespace: string,
  above: number,
): Manifest {
  const [bytes, signature] = [files.get('manifest')!, files.get('manifest.sig')!]
  const signed = keys.some((raw) => {
    const x = Buffer.from(raw, 'base64').toString('base64url')
    return verify(null, bytes, createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }), signature)
  })
  if (!signed) throw new Error('BadSignature')
  const manifest = readManifest(bytes.toString())
  if (manifest === undefined) throw new Error('ManifestForged')
  if (manifest.namespace !== namespace) throw new Error(`WrongNamespace: ${manifest.namespace}`)
  if (manifest.sequence < above) throw new Error(`LowerSequence: ${manifest.sequence} after ${above}`)
  const listed = new Map(manifest.sums.map(({ name, sha256 }) => [name, sha256]))
  for (const [name, body] of files)
    if (!['manifest', 'manifest.sig'].includes(name) && listed.get(name) !== sha256(body))
      throw new Error(`FilesDiffer: ${name}`)
  if (listed.size !== files.size - 2) throw new Error('FilesUnlisted')
  return manifest
}
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

async function untar(packed: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  const stream = extract()
  stream.end(gunzipSync(packed))
  for await (const entry of stream) {
    const parts: Buffer[] = []
    for await (const part of entry) parts.push(part as Buffer)
    files.set(entry.header.name, Buffer.concat(parts))
  }
  return files
}

export function createUpdater(options: UpdaterOptions) {
  const { namespace, token, ca, port, keys, engine = '3.0.16' } = options
  const state = { generation: '', sequence: 0, orders: '', mode: 'block', files: new Map<string, Buffer>() }
  let failure: { wanted: string; reason: string } | undefined
  const headers = { authorization: `Bearer ${token}` }
  const counts = { requests: 0, blocked: 0 }

  const updater = {
    state,
    counts,
    options,
    /** What the engine refuses from now on: a word of the manifest's release. */
    refuses: undefined as string | undefined,
    poll: async (): Promise<Told> => {
      const status = {
        generation: state.generation,
        sequence: state.sequence,
        wanted: failure?.wanted ?? state.generation,
        state: failure ? 'failed' : state.generation === '' ? 'waiting' : 'active',
        reason: failure?.reason ?? 'Active',
        detail: '',
        mode: state.mode,
        orders: state.orders,
        rules: 1,
        engine,
      }
      const report = { protocol: 1, image: 'sekisho-waf:dev', ...counts, status }
      const answer = await get(`https://localhost:${port()}/v1/waf/current`, ca, {
        ...headers,
        'if-none-match': `"${state.generation || '-'}/${state.orders || '-'}"`,
        'sekisho-report': Buffer.from(JSON.stringify(report)).toString('base64'),
      })
      const text = answer.body.toString()
      const line = (key: string) => new RegExp(`^${key} (.*)$`, 'm').exec(text)?.[1] ?? ''
      const ordersText = Buffer.from(line('orders'), 'base64').toString()
      const orders = Object.fromEntries(
        ordersText
          .split('\n')
          .slice(1, -1)
          .map((one) => one.split(' ') as [string, string]),
      )
      return {
        status: answer.status,
        text,
        generation: line('generation'),
        sha256: line('sha256'),
        orders,
        ordersId: ordersText === '' ? '' : sha256(Buffer.from(ordersText)).slice(0, 16),
      }
    },
    bundle: async (generation: string, as: string = token) =>
      get(`https://localhost:${port()}/v1/waf/bundles/${generation}`, ca, { authorization: `Bearer ${as}` }),
    /** Polls once and does what it is told. */
    step: async (): Promise<Told> => {
      const told = await updater.poll()
      if (told.ordersId !== '') state.orders = told.ordersId
      if (told.generation === '' || told.generation === state.generation) return told
      const { status, body } = await updater.bundle(told.generation)
      if (status !== 200) return told
      if (sha256(body) !== told.sha256) throw new Error('the bundle is not what was announced')
      const files = await untar(body)
      const manifest = believe(files, keys, namespace, state.sequence)
      if (updater.refuses !== undefined && manifest.release === updater.refuses)
        failure = { wanted: told.generation, reason: 'ConfigRefused' }
      else {
        failure = undefined
        Object.assign(state, { generation: told.generation, sequence: manifest.sequence, files })
      }
      return told
    },
  }
  return updater
}
export type Updater = ReturnType<typeof createUpdater>
