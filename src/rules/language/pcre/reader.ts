/** The pattern as bytes, and a place in it that moves. */
import { PcreError } from './error.ts'

const MAX_NAME = 128

export class Reader {
  /** One character a byte, as the engine sees it. */
  readonly bytes: string
  offset = 0

  constructor(pattern: string) {
    this.bytes = /[\u0080-\uffff]/.test(pattern)
      ? Array.from(new TextEncoder().encode(pattern), (byte) => String.fromCharCode(byte)).join('')
      : pattern
  }

  get ended(): boolean {
    return this.offset >= this.bytes.length
  }

  get next(): string {
    return this.bytes.charAt(this.offset)
  }

  startsWith(text: string): boolean {
    return this.bytes.startsWith(text, this.offset)
  }

  skip(text: string): boolean {
    const found = this.startsWith(text)
    if (found) this.offset += text.length
    return found
  }

  /** Moves past what the sticky pattern matches here. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.offset
    const found = pattern.exec(this.bytes) ?? undefined
    if (found !== undefined) this.offset += found[0].length
    return found
  }

  fail(message: string, offset = this.offset): never {
    throw new PcreError(message, offset)
  }

  /** A group's name and what ends it. */
  groupName(end: string): string {
    const from = this.offset
    const name = this.take(/[A-Za-z0-9_]*/y)![0]
    if (name === '') this.fail('subpattern name expected')
    if (/^[0-9]/.test(name)) this.fail('subpattern name must start with a non-digit', from)
    if (name.length > MAX_NAME) this.fail(`subpattern name is too long (maximum ${MAX_NAME})`, from)
    if (!this.skip(end)) this.fail('syntax error in subpattern name (missing terminator?)')
    return name
  }
}

/** A repetition in braces: `{2}`, `{2,}`, `{2,5}`, `{,5}`; spaces are allowed since PCRE2 10.43. */
export const BRACES = /\{[ \t]*(?:(\d+)[ \t]*(?:(,)[ \t]*(\d*)[ \t]*)?|(,)[ \t]*(\d+)[ \t]*)\}/y
