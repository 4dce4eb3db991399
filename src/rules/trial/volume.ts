/**
 * The volume shared with the bench: candidates are placed whole by a rename, asked for through the FIFO, and status.json says what became of them.
 * Nothing here waits for the bench: a FIFO that nobody reads says so at once.
 */
import { constants } from 'node:fs'
import { mkdir, open, readdir, readFile, readlink, rename, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Waiting } from './outcomes.ts'

/** The namespace that candidates are sealed for: no real one, and never placed anywhere else. */
export const BENCH_NAMESPACE = 'sekisho-bench'

/** No verdict: the bench, not the candidate, is at fault. */
export class BenchTrouble extends Error {
  override name = 'BenchTrouble'
  readonly reason: Waiting
  constructor(reason: Waiting, detail: string, options?: ErrorOptions) {
    super(detail, options)
    this.reason = reason
  }
}

const status = z.object({
  generation: z.string(),
  wanted: z.string(),
  state: z.enum(['active', 'failed', 'waiting']),
  reason: z.string(),
  detail: z.string(),
  rules: z.number(),
  engine: z.string(),
  sequence: z.number().default(0),
  time: z.string().default(''),
})
export type BenchStatus = z.output<typeof status>

/** What status.json says; undefined while there is none that can be read. */
export async function readStatus(directory: string): Promise<BenchStatus | undefined> {
  try {
    return status.safeParse(JSON.parse(await readFile(join(directory, 'status.json'), 'utf8'))).data
  } catch {
    return undefined
  }
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM'])
const trouble = (what: string, cause: unknown): BenchTrouble => {
  const { code = '', message } = cause as NodeJS.ErrnoException
  return new BenchTrouble(FULL.has(code) ? 'VolumeFull' : 'BenchMissing', `Cannot ${what}: ${message}`, { cause })
}
const generationFolder = (directory: string, generation: string) => join(directory, 'rulesets', generation)

/** What the WAF itself writes for a candidate, and more. */
const ROOM = 1 << 20
/** Below this it cannot even say what became of it. */
const NO_ROOM = 64 << 10

/** @throws BenchTrouble where the volume has not so much room */
async function needRoom(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory).catch((cause) => {
    throw trouble(`look at the volume ${directory}`, cause)
  })
  if (bavail * bsize < bytes)
    throw new BenchTrouble('VolumeFull', `${directory} has ${bavail * bsize} bytes left, ${bytes} are wanted`)
}
/** @throws BenchTrouble where the bench cannot write any more */
export const canAnswer = (directory: string): Promise<void> => needRoom(directory, NO_ROOM)

/** @throws BenchTrouble */
export async function place(
  directory: string,
  generation: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const work = generationFolder(directory, `.trial-${generation}`)
  await needRoom(
    directory,
    [...files.values()].reduce((sum, { length }) => sum + length, ROOM),
  )
  try {
    await rm(work, { recursive: true, force: true })
    await mkdir(work, { recursive: true })
    for (const [name, bytes] of files) await writeFile(join(work, name), bytes)
    await rename(work, generationFolder(directory, generation))
  } catch (cause) {
    await rm(work, { recursive: true, force: true }).catch(() => {})
    throw trouble(`place rulesets/${generation}`, cause)
  }
}

/** Whether somebody reads the FIFO: the first process of the container does, as long as it lives. */
export async function hasReader(directory: string): Promise<boolean> {
  try {
    await (await open(join(directory, 'reload.fifo'), constants.O_WRONLY | constants.O_NONBLOCK)).close()
    return true
  } catch {
    return false
  }
}

/** @throws BenchTrouble where nobody reads the FIFO */
export async function kick(directory: string, generation: string): Promise<void> {
  try {
    // O_WRONLY, since O_RDWR would find a reader in itself; O_NONBLOCK, so that it fails where there is none.
    const fifo = await open(join(directory, 'reload.fifo'), constants.O_WRONLY | constants.O_NONBLOCK)
    try {
      await fifo.write(`${generation}\n`)
    } finally {
      await fifo.close()
    }
  } catch (cause) {
    throw trouble('ask the bench through reload.fifo', cause)
  }
}

/** So that a bench that starts again does not load it. */
export const takeAway = (directory: string, generation: string): Promise<void> =>
  rm(generationFolder(directory, generation), { recursive: true, force: true }).catch(() => {})

/** Removes candidates of before; what the bench serves, or would go back to, stays. Best effort. */
export async function tidy(directory: string): Promise<void> {
  const keep = new Set([(await readStatus(directory))?.generation])
  for (const link of ['active', 'last-good'])
    keep.add((await readlink(join(directory, link)).catch(() => '')).split('/').at(-1))
  for (const name of await readdir(join(directory, 'rulesets')).catch(() => [])) {
    const ours = name.startsWith('.trial-') || (await isOurs(directory, name))
    if (ours && !keep.has(name)) await takeAway(directory, name)
  }
}

const isOurs = async (directory: string, name: string): Promise<boolean> => {
  const manifest = await readFile(join(generationFolder(directory, name), 'manifest'), 'utf8').catch(() => '')
  return manifest.includes(`\nnamespace ${BENCH_NAMESPACE}\n`)
}
