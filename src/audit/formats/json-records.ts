/**
 * Bytes of JSON in chunks → the text of each record, whatever the chunks and however long the one line is.
 *
 *     {"Records":[ {…} , {…} ]}     the elements of the array
 *     [ {…} , {…} ]                 likewise
 *     {…} {…}                       each object by itself
 *
 * It counts brackets outside of strings and understands nothing else, so an object of gigabytes takes the memory of one record. What
 * stands where a record should is handed on too: parsing refuses it, and it is set aside.
 */
import { decode, Held, MAX_LINE_BYTES, type Splitter, type Unit } from './lines.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const COMMA = 0x2c
const COLON = 0x3a
const LF = 0x0a
const RECORDS = new TextEncoder().encode('Records')
const BOM = [0xef, 0xbb, 0xbf]

/** Spaces between records, as JSON has them. */
const isSpace = (byte: number): boolean => byte === 0x20 || byte === LF || byte === 0x0d || byte === 0x09

export const splitJsonRecords = (max: number = MAX_LINE_BYTES): Splitter => {
  const held = new Held(max)
  let number = 0
  let seen = 0
  let depth = 0
  /** The depth at which records start: 0, 1 in a list, 2 in the list of `Records`; 1 with `after` behind that list. */
  let base = 0
  let after = false
  let capturing = false
  let junk = false
  let inString = false
  let escaped = false
  /** How much of `Records` a key of the outermost object has shown, or 7 + 1 with the colon. −1: it is another word. */
  let word = -1
  let start = 0

  const emit = (bytes: Uint8Array, end: number, units: Unit[]): void => {
    number += 1
    const length = held.length + end - start
    if (held.length === 0 && length <= max) units.push({ text: decode(bytes.subarray(start, end)), number })
    else {
      held.add(bytes.subarray(start, end))
      units.push({ ...held.take(), number })
    }
    capturing = false
    junk = false
    inString = false
    escaped = false
    word = -1
    depth = base
  }

  const between = (byte: number, at: number): void => {
    if (seen < 3 && number === 0 && byte === BOM[seen]) {
      seen += 1
      return
    }
    if (isSpace(byte) || byte === COMMA) return
    if (after) {
      // Behind the list of Records: whatever else the object holds is passed over, brackets and strings included.
      if (byte === QUOTE) inString = true
      else if (byte === OPEN || byte === OPEN_LIST) depth += 1
      else if (byte === CLOSE || byte === CLOSE_LIST) {
        depth -= 1
        if (depth <= 0) {
          depth = 0
          base = 0
          after = false
        }
      }
    } else if (base > 0 && byte === CLOSE_LIST) {
      after = base === 2
      depth = base - 1
      base = 0
    } else if (base === 0 && byte === OPEN_LIST) {
      base = 1
      depth = 1
    } else {
      start = at
      capturing = true
      junk = byte !== OPEN
      depth = base + 1
      word = -1
    }
  }

  const outermostKey = (byte: number): boolean => {
    if (word === RECORDS.length && byte === COLON) word += 1
    else if (word === RECORDS.length + 1 && byte === OPEN_LIST) return true
    else if (!isSpace(byte)) word = -1
    return false
  }

  return {
    push: (bytes) => {
      const units: Unit[] = []
      start = 0
      for (let at = 0; at < bytes.length; at += 1) {
        const byte = bytes[at]!
        if (inString) {
          if (escaped) escaped = false
          else if (byte === BACKSLASH) {
            escaped = true
            word = -1
          } else if (byte === QUOTE) inString = false
          // No string of JSON holds a raw line end: the record broke off, and the next line is a fresh start.
          else if (byte === LF && capturing) emit(bytes, at, units)
          else if (word >= 0) word = word < RECORDS.length && byte === RECORDS[word] ? word + 1 : -1
        } else if (!capturing) between(byte, at)
        else if (junk) {
          if (byte === LF || (base > 0 && (byte === COMMA || byte === CLOSE_LIST))) {
            emit(bytes, at, units)
            between(byte, at)
          }
        } else if (byte === QUOTE) {
          inString = true
          word = base === 0 && depth === 1 ? 0 : -1
        } else if (byte === OPEN || byte === OPEN_LIST) {
          if (base === 0 && depth === 1 && word > 0 && outermostKey(byte)) {
            held.clear()
            capturing = false
            base = 2
            depth = 2
          } else {
            depth += 1
            word = -1
          }
        } else if (byte === CLOSE || byte === CLOSE_LIST) {
          depth -= 1
          if (depth <= base) emit(bytes, at + 1, units)
        } else if (word >= 0) outermostKey(byte)
      }
      if (capturing) held.add(bytes.subarray(start))
      return units
    },
    end: () => {
      const units: Unit[] = []
      if (capturing && held.length > 0) {
        start = 0
        emit(new Uint8Array(0), 0, units)
      }
      if (base > 0 || after)
        units.push({ text: '', number: number + 1, damaged: 'the object ends in the middle of its list of records' })
      return units
    },
  }
}
