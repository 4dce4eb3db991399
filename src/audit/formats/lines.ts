/**
 * Bytes in chunks → lines, whatever the chunks.
 *
 * A line ends with LF or CR LF. Lines are cut apart as bytes and decoded whole, so a character that lies across two chunks comes out
 * the same; what is not UTF-8 and NUL become U+FFFD (PostgreSQL can keep neither). A line longer than the bound is cut there and its
 * rest dropped as it streams by, so that memory does not depend on who writes the log. Empty lines count, and are not handed on.
 */

/** Cloud logs hold ≤ 256 KiB a record; databases write whole statements, which may be longer. */
export const MAX_LINE_BYTES = 1024 * 1024
/** What is decoded at once. */
const STEP = 256 * 1024
const LF = 0x0a

export interface Unit {
  readonly text: string
  /** Line, or ordinal of the element; from 1. */
  readonly number: number
  /** Its length in bytes, where that was over the bound: `text` is the start alone. */
  readonly cutFrom?: number
  /** Why nothing can be read from it. */
  readonly damaged?: string
}
export interface Splitter {
  push(bytes: Uint8Array): readonly Unit[]
  /** The last line, where no line end follows. */
  end(): readonly Unit[]
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
export const decode = (bytes: Uint8Array): string => {
  const text = decoder.decode(bytes)
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text
}

/** Bytes that wait for their end: at most `max` are kept, all are counted. */
export class Held {
  readonly #max: number
  #parts: Uint8Array[] = []
  #kept = 0
  length = 0
  constructor(max: number) {
    this.#max = max
  }
  add(bytes: Uint8Array): void {
    this.length += bytes.length
    if (this.#kept >= this.#max || bytes.length === 0) return
    // A copy: whoever pushes may use the buffer again (and Buffer.slice() makes none).
    const part = new Uint8Array(bytes.subarray(0, this.#max - this.#kept))
    this.#parts.push(part)
    this.#kept += part.length
  }
  take(): { readonly text: string; readonly cutFrom?: number } {
    const bytes = new Uint8Array(this.#kept)
    let at = 0
    for (const part of this.#parts) {
      bytes.set(part, at)
      at += part.length
    }
    const cut = this.length > this.#max ? { cutFrom: this.length } : {}
    this.clear()
    return { text: decode(bytes), ...cut }
  }
  clear(): void {
    this.#parts = []
    this.#kept = 0
    this.length = 0
  }
}

export const splitLines = (max: number = MAX_LINE_BYTES): Splitter => {
  const held = new Held(max)
  const step = Math.min(STEP, max)
  let number = 0
  const unit = (line: string, cutFrom?: number): Unit | undefined => {
    number += 1
    const text = (number === 1 && line.startsWith('\ufeff') ? line.slice(1) : line).replace(/\r$/, '')
    if (text === '') return undefined
    return cutFrom === undefined ? { text, number } : { text, number, cutFrom }
  }
  const finish = (units: Unit[]): void => {
    const { text, cutFrom } = held.take()
    const found = unit(text, cutFrom)
    if (found) units.push(found)
  }
  const take = (bytes: Uint8Array, units: Unit[]): void => {
    const last = bytes.lastIndexOf(LF)
    if (last < 0) {
      held.add(bytes)
      return
    }
    let from = 0
    if (held.length > 0) {
      from = bytes.indexOf(LF) + 1
      held.add(bytes.subarray(0, from - 1))
      finish(units)
    }
    if (from <= last)
      for (const line of decode(bytes.subarray(from, last)).split('\n')) {
        const found = unit(line)
        if (found) units.push(found)
      }
    held.add(bytes.subarray(last + 1))
  }
  return {
    push: (bytes) => {
      const units: Unit[] = []
      for (let at = 0; at < bytes.length; at += step) take(bytes.subarray(at, at + step), units)
      return units
    },
    end: () => {
      const units: Unit[] = []
      if (held.length > 0) finish(units)
      return units
    },
  }
}
