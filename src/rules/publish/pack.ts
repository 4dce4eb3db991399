/**
 * A bundle as it goes over the wire: a .tar.gz whose every file is a gzip member of its own. Members one after the other are one gzip file
 * (RFC 1952), so what a thousand namespaces have in common is packed and kept once, and a bundle is a list of pieces. Same files, same bytes.
 */
import { promisify } from 'node:util'
import { gzip as gzipCallback, gzipSync } from 'node:zlib'
import { pack as createPack } from 'tar-stream'
import { sha256 } from './hash.ts'

const gzip = promisify(gzipCallback)
/** Two empty blocks end a tar. */
const END_BYTES = 1024
const END = gzipSync(Buffer.alloc(END_BYTES))
/** Of time and owner nothing is told: a bundle is what is in it. */
const EPOCH = new Date(0)

/** The tar blocks of one file. */
async function blocks(name: string, bytes: Uint8Array): Promise<Buffer> {
  const pack = createPack()
  pack.entry({ name, mtime: EPOCH, mode: 0o644, uid: 0, gid: 0 }, Buffer.from(bytes))
  pack.finalize()
  const parts: Uint8Array[] = []
  for await (const part of pack) parts.push(part as Uint8Array)
  return Buffer.concat(parts).subarray(0, -END_BYTES)
}

export interface Packer {
  /** The archive of these files, in their order, in pieces: one after the other they are the whole. */
  pack(files: ReadonlyMap<string, Uint8Array>): Promise<readonly Uint8Array[]>
  /** Bytes of pieces kept. */
  readonly kept: number
}

export interface PackerOptions {
  /** @default 64 MiB: some forty releases with thousands of small files of policies. */
  readonly mostBytes?: number
}

/** Below it a file is packed anew each time: manifests and signatures are nobody else's. */
const SHARED_FROM = 1024

export function createPacker({ mostBytes = 64 * 1024 * 1024 }: PackerOptions = {}): Packer {
  /** In the order of last use. */
  const pieces = new Map<string, Promise<Buffer>>()
  let kept = 0
  const make = async (name: string, bytes: Uint8Array) => gzip(await blocks(name, bytes))

  const piece = (name: string, bytes: Uint8Array): Promise<Buffer> => {
    if (bytes.length < SHARED_FROM) return make(name, bytes)
    const key = `${sha256(bytes)} ${name}`
    const known = pieces.get(key)
    const made = known ?? make(name, bytes)
    pieces.delete(key)
    pieces.set(key, made)
    if (known === undefined)
      made.then(
        (packed) => {
          kept += packed.length
          for (const [oldest, one] of pieces) {
            if (kept <= mostBytes || oldest === key) break
            pieces.delete(oldest)
            one.then(({ length }) => {
              kept -= length
            })
          }
        },
        () => pieces.delete(key),
      )
    return made
  }

  return {
    get kept() {
      return kept
    },
    pack: async (files) => {
      const members = await Promise.all([...files].map(([name, bytes]) => piece(name, bytes)))
      return [...members, END]
    },
  }
}
