/**
 * What Pods are told of `sekisho rules`: the CA of its address and the keys that sign bundles, as they stand in a directory.
 *
 *   ca.crt   PEM, one certificate or more
 *   keys     raw Ed25519 public keys in base64, a line each
 *
 * Read again when they change. Each replica sees a change at another moment (the kubelet's), so for some minutes a Pod counts as right
 * that was told what stood there before. Files that cannot be used change nothing: Pods go on being told what was good.
 */
import { type FSWatcher, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import type { RulesTrust } from '../inject/input.ts'
import { parseCertificates } from './certificate.ts'

/** For one request: what a Pod made now is told, and what else a Pod may have been told a moment ago. */
export interface TrustSnapshot {
  readonly current: RulesTrust | undefined
  readonly recent: readonly (RulesTrust | undefined)[]
}

export interface RulesTrustSource {
  snapshot(): TrustSnapshot
  /** Asks the cluster itself, where there is one to ask: another replica may have what we have not seen yet. */
  readonly live?: (signal: AbortSignal) => Promise<RulesTrust | undefined>
}

const KEY = /^[A-Za-z0-9+/]{43}=$/
const MOST_KEYS = 8

/** @throws Error with a sentence for the log. */
export const parseRulesTrust = (ca: string, keys: string): RulesTrust => {
  let certificates: ReturnType<typeof parseCertificates>
  try {
    certificates = parseCertificates(ca)
  } catch (error) {
    throw new Error(`Cannot use ca.crt: ${(error as Error).message}.`, { cause: error })
  }
  if (certificates.length === 0) throw new Error('Cannot use ca.crt: there is no certificate in it.')
  const other = certificates.find((one) => !one.ca)
  if (other) throw new Error(`Cannot use ca.crt: ${other.subject} is not a CA.`)
  const lines = keys.split('\n').filter((line) => line.trim() !== '')
  const wrong = lines.findIndex((line) => !KEY.test(line.trim()))
  if (wrong >= 0)
    throw new Error(`Cannot use keys: line ${wrong + 1} is not an Ed25519 public key, 32 bytes in base64.`)
  if (lines.length === 0 || lines.length > MOST_KEYS)
    throw new Error(`Cannot use keys: there must be 1 to ${MOST_KEYS} lines, and there are ${lines.length}.`)
  return Object.freeze({
    ca: certificates.map((one) => one.toString()).join(''),
    keys: Object.freeze(lines.map((line) => line.trim())),
  })
}

/** Reads a directory once. @throws Error with a sentence. */
export const readRulesTrust = (directory: string): RulesTrust => {
  const read = (name: string): string => {
    try {
      return readFileSync(join(directory, name), 'utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new Error(`Cannot read ${name} in ${directory}: ${code === 'ENOENT' ? 'it is not there' : code}.`, {
        cause: error,
      })
    }
  }
  return parseRulesTrust(read('ca.crt'), read('keys'))
}

export interface RulesTrustFiles extends RulesTrustSource {
  /** Why the files on disk are not what Pods are told; undefined when they are. */
  readonly problem: string | undefined
  /** Looks now. */
  check(): void
  close(): void
}

export interface RulesTrustFilesOptions {
  readonly directory: string
  readonly now: () => number
  readonly onLoaded: (trust: RulesTrust) => void
  readonly onRefused: (problem: string) => void
  readonly live?: RulesTrustSource['live']
  /** How long what stood there before counts. @default 10 min */
  readonly recentMs?: number
  /** @default 10 s */
  readonly checkEveryMs?: number
}

const same = (a: RulesTrust | undefined, b: RulesTrust): boolean =>
  a !== undefined && a.ca === b.ca && a.keys.join() === b.keys.join()

/** Reads at once, then watches. Never throws. */
export const watchRulesTrust = (options: RulesTrustFilesOptions): RulesTrustFiles => {
  const { directory, now, onLoaded, onRefused, live, recentMs = 600_000, checkEveryMs = 10_000 } = options
  let current: RulesTrust | undefined
  let problem: string | undefined
  let watcher: FSWatcher | undefined
  // Another replica may tell nothing yet, where the files have only just come.
  let before: { trust: RulesTrust | undefined; until: number }[] = [{ trust: undefined, until: now() + recentMs }]

  const stopWatching = () => {
    watcher?.close()
    watcher = undefined
  }
  const check = () => {
    if (watcher === undefined) {
      try {
        watcher = watch(directory, { persistent: false }, check)
        watcher.on('error', stopWatching)
      } catch {
        watcher = undefined // not there yet: the periodic look tries again
      }
    }
    try {
      const next = readRulesTrust(directory)
      problem = undefined
      if (same(current, next)) return
      before = [{ trust: current, until: now() + recentMs }, ...before.filter(({ until }) => until > now())]
      current = next
      onLoaded(next)
    } catch (error) {
      const why = (error as Error).message
      if (why === problem) return // said once, not at each look
      problem = why
      onRefused(why)
    }
  }
  check()
  const ticker = setInterval(check, checkEveryMs)
  ticker.unref()
  return {
    snapshot: () => ({ current, recent: before.filter(({ until }) => until > now()).map(({ trust }) => trust) }),
    get problem() {
      return problem
    },
    ...(live && { live }),
    check,
    close: () => {
      clearInterval(ticker)
      stopWatching()
    },
  }
}
