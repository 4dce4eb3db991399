/** What `sekisho rules` signs, as the updater places it in the volume of a Pod: rule sets and orders. */
import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Content } from '../../src/rules/compile/compile.ts'
import { seal } from '../../src/rules/compile/seal.ts'
import { type Status, type TestPod, until } from './pod.ts'

export const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export type SigningKey = ReturnType<typeof newKey>
export function newKey() {
  const pair = generateKeyPairSync('ed25519')
  return {
    /** The raw public key, in base64. */
    public: Buffer.from(pair.publicKey.export({ format: 'jwk' }).x!, 'base64url').toString('base64'),
    sign: (bytes: Uint8Array): Buffer => sign(null, bytes, pair.privateKey),
  }
}

/** Fields of status.json that only signed things have. */
export interface SignedStatus extends Status {
  readonly sequence: number
  readonly orders: string
  readonly ordersRefused: string
  readonly breakGlassUntil: number
  readonly memoryBytes: number
}
export const statusOf = (pod: TestPod): SignedStatus => pod.status() as SignedStatus

export interface SetOptions {
  key: SigningKey
  sequence: number
  namespace?: string
  rollback?: boolean
  keys?: readonly string[]
  ca?: string
  /** Changes what was sealed, before it is signed and named. */
  manifest?: (text: string) => string
  /** The bytes of manifest.sig in the place of the signature; undefined leaves the file out. */
  signature?: (right: Buffer) => Buffer | undefined
  /** Changes files in the folder before it is placed. */
  files?: (folder: string) => void
}

/** Places a content, sealed, and returns its generation. */
export function placeSet(pod: TestPod, content: Content, options: SetOptions): string {
  const { key, sequence, namespace = 'shop', rollback = false, keys = [], ca } = options
  const sealed = seal(content, {
    namespace,
    sequence,
    rollback,
    keys,
    ...(ca === undefined ? {} : { ca }),
    hash,
    sign: key.sign,
  })
  if (sealed.status === 'refused') throw new Error(JSON.stringify(sealed.problems))
  const manifest = Buffer.from((options.manifest ?? String)(Buffer.from(sealed.manifest).toString()))
  const right = key.sign(manifest)
  const signature = options.signature ? options.signature(right) : right
  const generation = `crs-${content.release}-${hash(manifest).slice(0, 16)}`
  const rulesets = join(pod.run, 'rulesets')
  const work = join(rulesets, '.work')
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  for (const [name, bytes] of sealed.files) writeFileSync(join(work, name), bytes)
  writeFileSync(join(work, 'manifest'), manifest)
  rmSync(join(work, 'manifest.sig'))
  if (signature) writeFileSync(join(work, 'manifest.sig'), signature)
  options.files?.(work)
  execFileSync('chown', ['-R', '65532:65532', work])
  rmSync(join(rulesets, generation), { recursive: true, force: true })
  renameSync(work, join(rulesets, generation))
  return generation
}

/** Asks for a generation and resolves once the WAF said what became of it. */
export async function asked(pod: TestPod, generation: string): Promise<SignedStatus> {
  const before = statusOf(pod)
  pod.kick(generation)
  return until(`an answer about ${generation} (it said ${JSON.stringify(before)})`, () => {
    const now = statusOf(pod)
    return now?.wanted === generation && now.state !== 'waiting' ? now : undefined
  })
}

export const loadSet = (pod: TestPod, content: Content, options: SetOptions): Promise<SignedStatus> =>
  asked(pod, placeSet(pod, content, options))

export interface OrdersOptions {
  key: SigningKey
  sequence: number
  namespace?: string
  mode?: string
  breakGlass?: number
  text?: (text: string) => string
  signature?: (right: Buffer) => Buffer | undefined
}

/** Places orders as the updater does, the signature first, and asks for a look at them. Returns their id. */
export function giveOrders(pod: TestPod, options: OrdersOptions, kick = true): string {
  const { key, sequence, namespace = 'shop', mode = 'own', breakGlass = 0 } = options
  const lines = [
    'sekisho-orders 1',
    `namespace ${namespace}`,
    `sequence ${sequence}`,
    `mode ${mode}`,
    `break-glass ${breakGlass}`,
  ]
  const text = Buffer.from((options.text ?? String)(`${lines.join('\n')}\n`))
  const right = key.sign(text)
  const signature = options.signature ? options.signature(right) : right
  const put = (name: string, bytes: Buffer | undefined) => {
    rmSync(join(pod.run, name), { force: true })
    if (bytes === undefined) return
    writeFileSync(join(pod.run, `.${name}`), bytes)
    execFileSync('chown', ['65532:65532', join(pod.run, `.${name}`)])
    renameSync(join(pod.run, `.${name}`), join(pod.run, name))
  }
  put('orders.sig', signature)
  put('orders', text)
  if (kick) pod.kick(':orders')
  return hash(text).slice(0, 16)
}
