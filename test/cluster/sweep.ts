/**
 * Work folders of keepers that were killed before they could take them away. Each running cluster's folder says whose it is; the next
 * start removes those whose keeper is no more. A folder kept on purpose says nothing and is left alone.
 */
import { readFileSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const OWNER = 'keeper.pid'

/** Marks a work folder as the running process's. */
export const claim = (work: string): Promise<void> => writeFile(join(work, OWNER), String(process.pid))

/** Removes what dead keepers left. */
export async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith('sekisho-lab-')) continue
    const work = join(tmpdir(), name)
    const owner = await readFile(join(work, OWNER), 'utf8').catch(() => '')
    if (owner !== '' && !isKeeper(Number(owner))) await rm(work, { recursive: true, force: true }).catch(() => {})
  }
}

/** Whether a process is there and is a keeper: a process id alone may be another program's by now. */
export function isKeeper(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('keeper.ts')
  } catch {
    return false
  }
}
