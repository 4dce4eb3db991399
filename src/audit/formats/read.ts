/**
 * Bytes of an object → what was read from it: the one way into a format.
 *
 *     bytes (unpacked) ─ lines.ts or json-records.ts ─ LineReader ─ Read
 *
 * gzip is undone before. Parquet has no lines: its rows come as a header of column names and a line for each row, as
 * aws-vpc-flows.ts takes them, through `openLines`. Whatever a format throws, the record is set aside and the rest goes on.
 */
import type { Format, FormatOptions, LineReader, Read } from '../../api/audit.ts'
import { splitJsonRecords } from './json-records.ts'
import { splitLines, type Unit } from './lines.ts'
import { poison } from './record.ts'

export interface ByteReader {
  push(bytes: Uint8Array): readonly Read[]
  end(): readonly Read[]
}

export const openBytes = (format: Format, object: string, options: FormatOptions): ByteReader => {
  const splitter = format.framing === 'json' ? splitJsonRecords() : splitLines()
  const reader = openLines(format, object, options)
  const readAll = (units: readonly Unit[]): Read[] => {
    const reads: Read[] = []
    for (const unit of units) for (const read of readUnit(reader, unit)) reads.push(read)
    return reads
  }
  return {
    push: (bytes) => readAll(splitter.push(bytes)),
    end: () => [...readAll(splitter.end()), ...reader.end()],
  }
}

/** A format's reader that does not throw. */
export const openLines = (format: Format, object: string, options: FormatOptions): LineReader => {
  const reader = format.open(object, options)
  let last = 0
  const guarded = (read: () => readonly Read[], line: number, text: string): readonly Read[] => {
    last = line
    try {
      return read()
    } catch (error) {
      return poison(line, `${format.name} cannot read it: ${error instanceof Error ? error.message : 'unknown'}`, text)
    }
  }
  return {
    line: (text, number) => guarded(() => reader.line(text, number), number, text),
    end: () => guarded(() => reader.end(), last, ''),
    ...(reader.cut && {
      cut: (text: string, number: number) => guarded(() => reader.cut!(text, number), number, text),
    }),
  }
}

const readUnit = (reader: LineReader, { text, number, cutFrom, damaged }: Unit): readonly Read[] => {
  if (damaged !== undefined) return poison(number, damaged, text)
  if (cutFrom === undefined) return reader.line(text, number)
  if (reader.cut) return reader.cut(text, number)
  return poison(number, `it is ${cutFrom} bytes long, which no record of this log is`, text)
}
