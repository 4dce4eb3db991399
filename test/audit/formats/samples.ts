/** The samples: NAME.sample is an object of the format NAME, NAME.expected.json what is read from it. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { FormatOptions, Read } from '../../../src/api/audit.ts'
import { formatNamed } from '../../../src/audit/formats/index.ts'
import { openBytes } from '../../../src/audit/formats/read.ts'

const folder = new URL('../samples/', import.meta.url)
export const sampleOf = (name: string): Buffer => readFileSync(new URL(`${name}.sample`, folder))
export const expectedOf = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`${name}.expected.json`, folder), 'utf8'))

export const OPTIONS: FormatOptions = {
  stores: new Map([['10.9.0.3:6379', { cloud: 'none', kind: 'cache', name: 'sessions' }]]),
  hash: (text) => createHash('sha256').update(text).digest('hex'),
}

/** Read as an object, in the chunks in which it comes. */
export const readChunks = (name: string, chunks: readonly Uint8Array[], options = OPTIONS): readonly Read[] => {
  const reader = openBytes(formatNamed(name)!, `logs/${name}.log`, options)
  return [...chunks.flatMap((chunk) => reader.push(chunk)), ...reader.end()]
}

export const readText = (name: string, text: string): readonly Read[] => readChunks(name, [Buffer.from(text)])
