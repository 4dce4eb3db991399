/**
 * A stream of bytes into lines, in bounded memory: a line longer than the limit is dropped whole and counted, and the next one is whole again.
 * What is between is never copied more than once.
 */
export interface LineSplitter {
  /** Hands each whole line to `each`, without its end. A line is valid only during the call. */
  push(chunk: Buffer): void
  /** Lines that were too long, so far. */
  dropped(): number
}

const NEWLINE = 0x0a

export function createLineSplitter(limit: number, each: (line: Buffer) => void): LineSplitter {
  let parts: Buffer[] = []
  let held = 0
  let skipping = false
  let dropped = 0

  const forget = () => {
    parts = []
    held = 0
  }
  const keep = (part: Buffer) => {
    if (skipping || part.length === 0) return
    if (held + part.length > limit) {
      forget()
      skipping = true
      return
    }
    // A copy: the chunk may be of a pool, and would be held as a whole.
    parts.push(Buffer.from(part))
    held += part.length
  }

  return {
    dropped: () => dropped,
    push: (chunk) => {
      let from = 0
      for (;;) {
        const to = chunk.indexOf(NEWLINE, from)
        if (to === -1) return keep(chunk.subarray(from))
        const rest = chunk.subarray(from, to)
        from = to + 1
        if (skipping || held + rest.length > limit) {
          skipping = false
          dropped++
          forget()
          continue
        }
        const line = held === 0 ? rest : Buffer.concat([...parts, rest])
        forget()
        if (line.length > 0) each(line)
      }
    },
  }
}
