/** Makes archives for tests, honest and hostile: tar-stream writes whatever a header says. */
import { gzipSync } from 'node:zlib'
import { pack as createPack, type Header } from 'tar-stream'

export interface Entry {
  readonly name: string
  readonly body?: string | Uint8Array
  readonly type?: Header['type']
  readonly linkname?: string
}

export const tarOf = async (entries: readonly Entry[]): Promise<Buffer> => {
  const pack = createPack()
  for (const { name, body = '', type = 'file', linkname } of entries)
    pack.entry(
      { name, type, mtime: new Date(0), mode: 0o644, ...(linkname === undefined ? {} : { linkname }) },
      Buffer.from(body),
    )
  pack.finalize()
  const chunks: Uint8Array[] = []
  for await (const chunk of pack) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks)
}

export const tarGzOf = async (entries: readonly Entry[]): Promise<Buffer> => gzipSync(await tarOf(entries))
