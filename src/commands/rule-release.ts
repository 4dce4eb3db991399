/** A release as a person gives it: its folder, or the archive as upstream packs it. Signatures are the business of whoever fetched it. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type RuleFiles, ruleFiles } from '../rules/archive/files.ts'
import { crsLayout } from '../rules/archive/layouts/crs.ts'
import { ARCHIVE_LIMITS } from '../rules/archive/limits.ts'
import { unpack } from '../rules/archive/unpack.ts'
import { EXIT, Exit } from './command.ts'

export interface GivenRelease {
  readonly version: string
  readonly files: RuleFiles
}

const cannot = (path: string, why: string, cause?: unknown): never => {
  throw new Exit(EXIT.usage, `Cannot read the release ${path}: ${why}`, { cause })
}

async function fromFolder(path: string): Promise<GivenRelease> {
  const names = (await readdir(path, { recursive: true })).filter((name) => crsLayout.takes(name))
  const files = ruleFiles(
    await Promise.all(names.map(async (name) => [name, await readFile(join(path, name))] as const)),
  )
  const judged = crsLayout.judge(files, basename(path))
  if (!judged.ok) return cannot(path, judged.detail)
  return { version: judged.version ?? '', files }
}

async function fromArchive(path: string): Promise<GivenRelease> {
  const unpacked = await unpack(await readFile(path), crsLayout, {
    limits: ARCHIVE_LIMITS,
    signal: AbortSignal.timeout(60_000),
  })
  if (!unpacked.ok) return cannot(path, unpacked.detail)
  return { version: unpacked.version ?? '', files: unpacked.files }
}

/** @throws {Exit} with the path and what is wrong */
export async function readGivenRelease(path: string): Promise<GivenRelease> {
  try {
    return await ((await stat(path)).isDirectory() ? fromFolder(path) : fromArchive(path))
  } catch (error) {
    if (error instanceof Exit) throw error
    const { code, message } = error as NodeJS.ErrnoException
    return cannot(path, code === 'ENOENT' ? 'there is no such file or folder.' : message, error)
  }
}
