/**
 * The sets in /run/suricata/rules, as Suricata finds them:
 *
 *   sets/NAME/suricata.rules    whole or not there: written in .new, synced, renamed
 *   active → sets/NAME          changed by rename, so that Suricata finds the one set or the other
 *
 * `baseline` is the empty set: with it Suricata runs the rules of its image alone.
 */
import { mkdir, readdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { syncDirectory, writeSynced } from './durable.ts'

export const BASELINE = 'baseline'
export const SET_FILE = 'suricata.rules'
const NAME = /^[0-9a-f]{12}$/

export interface SetShelf {
  /** Where the file of a set is. */
  file(name: string): string
  has(name: string): Promise<boolean>
  read(name: string): Promise<Buffer>
  /** The name that `active` has, or undefined where it leads to nothing of ours. */
  active(): Promise<string | undefined>
  place(name: string, content: Uint8Array): Promise<void>
  activate(name: string): Promise<void>
  /** Takes all sets away but these. */
  keep(names: readonly string[]): Promise<void>
}

export const createSetShelf = (runDirectory: string): SetShelf => {
  const root = join(runDirectory, 'rules')
  const sets = join(root, 'sets')
  const link = join(root, 'active')
  const file = (name: string) => join(sets, name, SET_FILE)
  const has = async (name: string): Promise<boolean> => {
    if (name !== BASELINE && !NAME.test(name)) return false
    return stat(file(name)).then(
      (found) => found.isFile(),
      () => false,
    )
  }
  const place = async (name: string, content: Uint8Array): Promise<void> => {
    await mkdir(sets, { recursive: true })
    const aside = join(sets, '.new')
    await rm(aside, { recursive: true, force: true })
    try {
      await mkdir(aside)
      await writeSynced(join(aside, SET_FILE), content)
      await syncDirectory(aside)
      // Whatever stood under this name was not whole, or it would have been used.
      await rm(join(sets, name), { recursive: true, force: true })
      await rename(aside, join(sets, name))
    } catch (error) {
      await rm(aside, { recursive: true, force: true }).catch(() => {})
      throw error
    }
    await syncDirectory(sets)
  }
  return {
    file,
    has,
    read: (name) => readFile(file(name)),
    place,
    async active() {
      const target = await readlink(link).catch(() => undefined)
      const name = target === undefined ? '' : basename(target)
      return (await has(name)) ? name : undefined
    },
    async activate(name) {
      if (name === BASELINE && !(await has(name))) await place(BASELINE, Buffer.alloc(0))
      const aside = `${link}.new`
      await rm(aside, { recursive: true, force: true })
      await symlink(join('sets', name), aside)
      // A folder in the place of the link could not be replaced by rename.
      const stands = await readlink(link).catch(() => undefined)
      if (stands === undefined) await rm(link, { recursive: true, force: true })
      await rename(aside, link)
      await syncDirectory(root)
    },
    async keep(names) {
      for (const name of await readdir(sets).catch(() => []))
        if (name !== BASELINE && !names.includes(name)) await rm(join(sets, name), { recursive: true, force: true })
    },
  }
}
