/**
 * The cache outside the repository: what is slow to make is made once, under a key of all that went into it.
 * `$SEKISHO_CACHE`, else `~/.cache/sekisho`. Files appear whole (written beside, then renamed), and one process makes them at a time.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const cacheFolder = (): string => process.env['SEKISHO_CACHE'] || join(homedir(), '.cache', 'sekisho')

/** Twelve hexadecimal digits that change when any of the parts does. */
export function contentKey(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part)
  return hash.digest('hex').slice(0, 12)
}

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

/** Runs `work` while holding the lock file. A lock whose owner is gone counts for nothing. */
export async function withLock<T>(path: string, work: () => Promise<T>, onWait?: (owner: string) => void): Promise<T> {
  await mkdir(dirname(path), { recursive: true })
  for (let told = false; ; ) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' })
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = await readFile(path, 'utf8').catch(() => '')
    if (owner !== '' && !(await exists(`/proc/${owner}`))) await rm(path, { force: true })
    else {
      if (!told) onWait?.(owner)
      told = true
      await sleep(500)
    }
  }
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}
