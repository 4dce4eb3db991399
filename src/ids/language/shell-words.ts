/** A line → its words, as Python's `shlex.split` finds them: '…' as it stands, "…" with \" and \\, a backslash elsewhere. Undefined where a quote stays open. */
export function shellWords(line: string): string[] | undefined {
  const words: string[] = []
  let word: string[] | undefined
  let quote = ''
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!
    const next = line[i + 1]
    if (quote !== '') {
      if (char === quote) quote = ''
      else if (quote === '"' && char === '\\' && (next === '"' || next === '\\')) {
        word!.push(next)
        i++
      } else word!.push(char)
    } else if (char === '"' || char === "'") {
      quote = char
      word ??= []
    } else if (char === '\\') {
      if (next === undefined) return undefined
      word ??= []
      word.push(next)
      i++
    } else if (/[ \t\r\n]/.test(char)) {
      if (word !== undefined) words.push(word.join(''))
      word = undefined
    } else {
      word ??= []
      word.push(char)
    }
  }
  if (quote !== '') return undefined
  if (word !== undefined) words.push(word.join(''))
  return words
}
