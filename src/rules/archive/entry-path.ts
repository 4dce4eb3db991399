/**
 * The path of an entry, judged before anything else is done with it.
 *
 *   ./rules/REQUEST-901.conf  → rules/REQUEST-901.conf
 *   /etc/passwd, ../x, C:\x   → refused
 *
 * Nothing unpacked is ever written to a disk under such a path; still a name may end up in a bundle, an Include or a page.
 */
import type { ArchiveLimits } from './limits.ts'
import { quoted } from './quoted.ts'
import { type ArchiveRefused, refusedArchive } from './refusals.ts'

/** Printable ASCII without the backslash, the colon (drives, streams), quotes and what shells and globs read. */
const PLAIN = /^[A-Za-z0-9 ._@+,=()%~#-]+$/

/** The path without `./` before and `/` after it; empty for the archive's own folder. */
export const entryPath = (name: string, limits: ArchiveLimits): { ok: true; path: string } | ArchiveRefused => {
  const bytes = Buffer.byteLength(name)
  if (bytes > limits.pathBytes)
    return refusedArchive(
      'PathTooLong',
      `A path has ${bytes} bytes, at most ${limits.pathBytes} are taken: ${quoted(name)}.`,
    )
  if (name.startsWith('/') || name.startsWith('\\') || /^[A-Za-z]:/.test(name))
    return refusedArchive('PathEscapes', `The path ${quoted(name)} is absolute.`)
  if (name.split(/[/\\]/).includes('..'))
    return refusedArchive('PathEscapes', `The path ${quoted(name)} leads out of the archive.`)
  const path = name.replace(/^(\.\/)+/, '').replace(/\/$/, '')
  if (path === '' || path === '.') return name === '' ? unreadable(name) : { ok: true, path: '' }
  const segments = path.split('/')
  return segments.every((one) => one !== '.' && PLAIN.test(one)) ? { ok: true, path } : unreadable(name)
}

const unreadable = (name: string) =>
  refusedArchive('PathUnreadable', `The path ${quoted(name)} is not made of plain letters, digits and marks.`)
