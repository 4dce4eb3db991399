/** What outlives the agent's process: one JSON file in its own volume. Whatever of it cannot be read is begun anew. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writeDurable } from './durable.ts'

const name = z.string().regex(/^(baseline|[0-9a-f]{12})$/)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)

const memory = z.object({
  v: z.literal(1),
  /** The set that was seen to run last. */
  good: z
    .object({
      name,
      /** Active rules in it. */
      rules: z.int().min(0),
      /** What the engine has loaded with it. */
      expected: z.int().min(0),
      /** What it was made of. */
      inputs: z.string(),
      archive: z.union([sha256, z.literal('')]),
    })
    .optional(),
  /** The good one before. */
  previous: name.optional(),
  /** A set is being switched to: after an end in the middle nobody knows which one runs. */
  switching: name.optional(),
  /** Inputs that were being made and tested; still there at the start: the agent was ended by it. */
  trying: z.object({ inputs: z.string(), times: z.int().min(0), at: z.number() }).optional(),
  known: z
    .object({
      version: z.string(),
      sha256,
      content: z.string(),
      rules: z.int(),
      etag: z.object({ question: z.string(), value: z.string() }).optional(),
    })
    .optional(),
  confirmedAt: z.number().min(0).optional(),
  /** Files of ConfigMaps in their last good version. */
  own: z.array(z.object({ configMap: z.string(), key: z.string(), text: z.string() })).default([]),
})
export type Memory = z.output<typeof memory>

export interface MemoryFile {
  read(): Promise<{ readonly memory: Memory; readonly lost: string }>
  write(memory: Memory): Promise<void>
}

const EMPTY: Memory = { v: 1, own: [] }

export const createMemoryFile = (stateDirectory: string): MemoryFile => {
  const path = join(stateDirectory, 'state.json')
  return {
    async read() {
      try {
        return { memory: memory.parse(JSON.parse(await readFile(path, 'utf8'))), lost: '' }
      } catch (error) {
        const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
        return { memory: EMPTY, lost: missing ? '' : String((error as Error).message).slice(0, 300) }
      }
    },
    write: (next) => writeDurable(path, JSON.stringify(next)),
  }
}
