/**
 * The certificate on disk, read again when it changes.
 *
 *   kubelet: ..data → ..2026_01   becomes   ..data → ..2026_02   (one rename; tls.crt and tls.key lead through ..data)
 *
 * The directory is watched rather than the files, whose own inodes never change under such a swap. A look at the files
 * every few seconds stands beside the watch, since inotify is silent on some filesystems and timers stand still while a
 * machine is suspended. A pair that is broken or does not match is never served: the old one stays, and it is said.
 */
import { type FSWatcher, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { type Certificate, parsePair } from './certificate.ts'

export interface CertificateFiles {
  /** The pair that is served; undefined while there was never a usable one. */
  readonly current: Certificate | undefined
  /** Why the files on disk are not what is served; undefined when they are. */
  readonly problem: string | undefined
  /** Looks now. */
  check(): void
  close(): void
}

export interface CertificateFilesOptions {
  readonly directory: string
  readonly onLoaded: (certificate: Certificate) => void
  readonly onRefused: (problem: string) => void
  /** @default 10 s */
  readonly checkEveryMs?: number
  /** How long after a change on disk it is read: both files are to be there. @default 100 ms */
  readonly settleMs?: number
}

/** Reads at once, then watches. Never throws: what is wrong is in `problem`. */
export const watchCertificate = (options: CertificateFilesOptions): CertificateFiles => {
  const { directory, onLoaded, onRefused, checkEveryMs = 10_000, settleMs = 100 } = options
  let current: Certificate | undefined
  let problem: string | undefined
  let watcher: FSWatcher | undefined
  let settling: NodeJS.Timeout | undefined

  const refuse = (why: string) => {
    if (why === problem) return // said once, not at each look
    problem = why
    onRefused(why)
  }
  const check = () => {
    if (watcher === undefined) startWatching()
    let cert: string
    let key: string
    try {
      cert = readFileSync(join(directory, 'tls.crt'), 'utf8')
      key = readFileSync(join(directory, 'tls.key'), 'utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      return refuse(
        `Cannot read tls.crt and tls.key in ${directory}: ${code === 'ENOENT' ? 'they are not there yet' : code}.`,
      )
    }
    if (current !== undefined && cert === current.cert && key === current.key) {
      problem = undefined
      return
    }
    try {
      const next = parsePair(cert, key)
      onLoaded(next)
      current = next
      problem = undefined
    } catch (error) {
      refuse(error instanceof Error ? error.message : String(error))
    }
  }
  const soon = () => {
    clearTimeout(settling)
    settling = setTimeout(check, settleMs)
    settling.unref()
  }
  const startWatching = () => {
    try {
      watcher = watch(directory, { persistent: false }, soon)
      // The directory itself was replaced or removed: the periodic look sets up a new watch.
      watcher.on('error', stopWatching)
    } catch {
      watcher = undefined
    }
  }
  const stopWatching = () => {
    watcher?.close()
    watcher = undefined
  }

  check()
  const ticker = setInterval(check, checkEveryMs)
  ticker.unref()
  return {
    get current() {
      return current
    },
    get problem() {
      return problem
    },
    check,
    close: () => {
      clearInterval(ticker)
      clearTimeout(settling)
      stopWatching()
    },
  }
}
