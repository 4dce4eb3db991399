/** Cuts a stream of bytes into lines without ever decoding half a character, and without holding more than the line at hand. */

const NEWLINE = 10

/** Every non-empty line, decoded as UTF-8; a last line without its newline is dropped, since it may be cut. */
export async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let pending: Buffer[] = []
  for await (const chunk of stream) {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE, from); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      const piece = chunk.subarray(from, at)
      const line = pending.length === 0 ? piece : Buffer.concat([...pending, piece])
      pending = []
      from = at + 1
      if (line.length > 0) yield line.toString('utf8')
    }
    if (from < chunk.length) pending.push(chunk.subarray(from))
  }
}
