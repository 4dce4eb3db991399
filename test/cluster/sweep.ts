/**
 * Work folders of keepers that were killed before they could take them away. Each running cluster's folder says whose it is; the next
 * start removes those whose keeper is no more. A folder kept on purpose says nothing and is left alone.
 */
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const OWNER = 'keeper.pid'

/** Marks a work folder as a keeper's. */
export const claim = (work: string, keeper: number): void =>
  writeFileSync(join(work, OWNER), `${keeper} ${processNamespace()}`)

const processNamespace = (): string => readlinkSync('/proc/self/ns/pid')

/** Removes what dead keepers left. */
export async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith('sekisho-lab-')) continue
    const work = join(tmpdir(), name)
    const [owner, namespace] = (await readFile(join(work, OWNER), 'utf8').catch(() => '')).split(' ')
    // From inside a container or a node the keepers of the machine are not seen: absent is not dead.
    if (namespace === processNamespace() && !isKeeper(Number(owner)))
      await rm(work, { recursive: true, force: true }).catch(() => {})
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
