/** Unpacks gzip into memory, never beyond the limits: zlib stops at `maxOutputLength`, so a bomb is not unpacked to see how large it is. */
import { promisify } from 'node:util'
import { gunzip as gunzipCallback } from 'node:zlib'
import type { ArchiveLimits } from './limits.ts'
import { type ArchiveRefused, refusedArchive } from './refusals.ts'

const inflate = promisify(gunzipCallback) as (
  bytes: Uint8Array,
  options: { maxOutputLength: number },
) => Promise<Buffer>

const MiB = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`

/** A small archive may unpack a lot more than its ratio and is still no bomb. */
const HARMLESS_BYTES = 1024 * 1024

export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

/** Whether bytes begin as a web page does: after blanks or a byte order mark comes `<`. */
export const isMarkup = (bytes: Uint8Array): boolean =>
  /^(?:\xef\xbb\xbf)?\s*</.test(Buffer.from(bytes.subarray(0, 512)).toString('latin1'))

export const gunzip = async (
  bytes: Uint8Array,
  limits: ArchiveLimits,
): Promise<{ ok: true; bytes: Buffer } | ArchiveRefused> => {
  if (bytes.length === 0) return refusedArchive('Truncated', 'Nothing came: 0 bytes.')
  if (isMarkup(bytes))
    return refusedArchive('HtmlInsteadOfArchive', `The ${bytes.length} bytes begin as a web page does.`)
  if (!isGzip(bytes)) {
    const magic = Buffer.from(bytes.subarray(0, 4)).toString('hex')
    return refusedArchive('NotAnArchive', `The ${bytes.length} bytes begin with 0x${magic}, gzip with 0x1f8b.`)
  }
  const byRatio = Math.max(bytes.length * limits.ratio, HARMLESS_BYTES)
  const most = Math.min(limits.unpackedBytes, byRatio)
  try {
    return { ok: true, bytes: await inflate(bytes, { maxOutputLength: most }) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE')
      return byRatio < limits.unpackedBytes
        ? refusedArchive('BombRatio', `${bytes.length} bytes unpack to more than ${most}: over 1:${limits.ratio}.`)
        : refusedArchive('UnpackedTooLarge', `It unpacks to more than ${MiB(most)}.`)
    if (code === 'Z_BUF_ERROR')
      return refusedArchive('Truncated', `It ends after ${bytes.length} bytes, before its end.`)
    return refusedArchive('Corrupt', `gzip says: ${message}.`)
  }
}
