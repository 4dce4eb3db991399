/**
 * A directory: a volume that somebody fills by hand, or a ConfigMap or Secret mounted as one. Links in it are refused, except for those
 * with which the kubelet switches a mounted ConfigMap at once (`..data`): there the folder behind is read, so never half of each.
 */
import { constants } from 'node:fs'
import { open, opendir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { quoted } from '../archive/quoted.ts'
import type { Demands } from './candidate.ts'
import { Refusal } from './refusals.ts'
import { fromShelf } from './shelf.ts'
import { type RuleSource, ruleSource } from './source.ts'

export interface DirectoryOptions {
  readonly path: string
}

const DEEPEST = 4

/** @throws Refusal */
const readShelf = async (
  options: DirectoryOptions,
  { limits }: Demands,
  signal: AbortSignal,
): Promise<Map<string, Uint8Array>> => {
  const shelf = new Map<string, Uint8Array>()
  let [entries, total] = [0, 0]

  const readFile = async (path: string): Promise<Uint8Array> => {
    // Never through a link, never waiting on a pipe that took the file's place.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const { size } = await file.stat()
      total += size
      if (total > limits.unpackedBytes)
        throw new Refusal('UnpackedTooLarge', `It holds more than ${limits.unpackedBytes} bytes.`)
      // One byte more would show a file that grows meanwhile; it is then simply read again next time.
      const { bytesRead, buffer } = await file.read(Buffer.alloc(size), 0, size, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  }

  const walk = async (folder: string, prefix: string, depth: number): Promise<void> => {
    for await (const entry of await opendir(folder)) {
      signal.throwIfAborted()
      if (++entries > limits.entries) throw new Refusal('TooManyEntries', `It has more than ${limits.entries} entries.`)
      const name = `${prefix}${entry.name}`
      const path = join(folder, entry.name)
      if (entry.name === 'lost+found') continue
      if (entry.isFile()) shelf.set(name, await readFile(path))
      else if (entry.isSymbolicLink()) throw new Refusal('LinkInside', `${quoted(name)} is a link.`)
      else if (!entry.isDirectory())
        throw new Refusal('SpecialFileInside', `${quoted(name)} is neither a file nor a folder.`)
      else if (depth < DEEPEST) await walk(path, `${name}/`, depth + 1)
    }
  }

  try {
    const root = await realpath(options.path)
    const data = await realpath(join(root, '..data')).catch(() => root)
    await walk(data.startsWith(`${root}/`) ? data : root, '', 1)
  } catch (cause) {
    if (cause instanceof Refusal) throw cause
    signal.throwIfAborted()
    throw new Refusal(
      'PlaceUnreadable',
      `${options.path}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}.`,
      { cause },
    )
  }
  return shelf
}

export const directory = (options: DirectoryOptions, demands: Demands): RuleSource =>
  ruleSource(demands.layout.kind, demands.source, async (context) => {
    const shelf = await readShelf(options, demands, context.signal)
    return fromShelf(shelf, demands, context)
  })
