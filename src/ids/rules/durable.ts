/** Files that are whole or not there, whatever is killed or full in between: written aside, synced, renamed. */
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

export const syncDirectory = async (path: string): Promise<void> => {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export const writeSynced = async (path: string, content: string | Uint8Array): Promise<void> => {
  const handle = await open(path, 'w', 0o644)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The file by this name holds the old content or the new one. */
export const writeDurable = async (path: string, content: string | Uint8Array): Promise<void> => {
  await mkdir(dirname(path), { recursive: true })
  const aside = join(dirname(path), `.${basename(path)}.new`)
  try {
    await writeSynced(aside, content)
    await rename(aside, path)
  } catch (error) {
    await rm(aside, { force: true }).catch(() => {})
    throw error
  }
  await syncDirectory(dirname(path))
}
