/**
 * Is this a regular expression of Python? Filters are run by suricata-update. What both languages refuse is found by writing the pattern in ours;
 * what only Python refuses of everyday mistakes (an escape that means nothing) is looked for. The pattern is compiled, never run.
 */

/** After a backslash, outside of a class; digits and what is no ASCII letter mean themselves or a group. */
const ESCAPES = new Set('AbBdDsSwWZafnrtvxuUN')
const INLINE_FLAGS = /^\(\?[aiLmsux]+\)/

/** What is wrong with the pattern, or undefined. */
export function brokenPython(pattern: string): string | undefined {
  const rest = pattern.replace(INLINE_FLAGS, '')
  let ours = ''
  let [inClass, first] = [false, 0]
  for (let i = 0; i < rest.length; i++) {
    const char = rest[i]!
    if (char === '\\') {
      const next = rest[i + 1]
      if (next === undefined) return 'it ends in a backslash'
      if (/[A-Za-z]/.test(next) && !ESCAPES.has(next)) return `\\${next} means nothing`
      i++
      ours += next === 'A' && !inClass ? '^' : next === 'Z' && !inClass ? '$' : /[aNU]/.test(next) ? 'a' : `\\${next}`
      continue
    }
    if (inClass) {
      // The first ] of a class stands for itself.
      if (char === ']' && i > first) inClass = false
      ours += char === '[' || inClass === (char === ']') ? `\\${char}` : char
      continue
    }
    if (char === '[') {
      inClass = true
      first = rest[i + 1] === '^' ? i + 2 : i + 1
      ours += '['
      if (rest[i + 1] === '^') {
        ours += '^'
        i++
      }
      continue
    }
    if (char === '(' && rest[i + 1] === '?') {
      const special =
        /^\(\?(?:P<([A-Za-z_]\w*)>|P=([A-Za-z_]\w*)\)|#[^)]*\)|[aiLmsux]+(?:-[imsx]+)?:|-[imsx]+:|>)/.exec(
          rest.slice(i, i + 200),
        )
      if (special !== null) {
        i += special[0].length - 1
        ours +=
          special[1] !== undefined
            ? `(?<${special[1]}>`
            : special[2] !== undefined
              ? ''
              : special[0].startsWith('(?#')
                ? ''
                : '(?:'
        continue
      }
    }
    // Possessive: known to Python, not to us.
    if (char === '+' && /[*+?}]$/.test(ours) && !/\\[*+?}]$/.test(ours) && rest[i - 1] !== '[') continue
    ours += char
  }
  try {
    void new RegExp(ours)
    return undefined
  } catch (error) {
    return (error as Error).message.replace(/^Invalid regular expression: \/.*\/\w*: /s, '').toLowerCase()
  }
}
