/**
 * The path of an exclusion → a pattern on REQUEST_URI_RAW, the address as it came, before any decoding.
 *
 * Not on REQUEST_FILENAME: that is decoded, so `/api%2Fnotes` would count as `/api/notes` though it is another page to the application, and
 * below a prefix `/api/..%2Fadmin` would be excluded as well. Here only the plain spelling counts, and each character that an address cannot
 * hold as it is also in its one percent-encoding. Any other spelling is inspected like every other request: the mistake, if any, is a refusal.
 */

export type PathPattern =
  | {
      readonly ok: true
      readonly pattern: string /** In one spelling, whichever it was given in. */
      readonly path: string
    }
  | { readonly ok: false; readonly why: string }

const UNRESERVED = /^[A-Za-z0-9._~-]$/
/** May stand as they are, or encoded, and mean the same. */
const EITHER = /^[!$&'()*+,;=:@]$/
/** Encoded they are text, as they are they are not: only the encoding counts. */
const ONLY_ENCODED = /^[/?#%\\]$/

const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0')
const literal = (char: string): string =>
  /^[A-Za-z0-9/_-]$/.test(char) ? char : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`
const anyCase = (digit: string): string => (/[A-F]/.test(digit) ? `[${digit}${digit.toLowerCase()}]` : digit)
const encoded = (byte: number): string => `%${[...hex(byte)].map(anyCase).join('')}`

/** Segments that no server can read as another path: no dots alone, nothing encoded that could be a separator, a dot or a percent sign. */
const UTF8 = [
  '%[Cc][2-9A-Fa-f]%[89ABab][0-9A-Fa-f]',
  '%[Dd][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]',
  '%[Ee]0%[ABab][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]',
  '%[Ee][1-9A-Ea-e](?:%[89ABab][0-9A-Fa-f]){2}',
  // Up to U+FEFF: behind it lie full-width forms of dot and slash, which some servers take for these.
  '%[Ee][Ff]%(?:[89Aa][0-9A-Fa-f]|[Bb][0-9ABab])%[89ABab][0-9A-Fa-f]',
  '%[Ff]0%[9ABab][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){2}',
]
const HARMLESS = '%(?:2[0-246-9A-Da-d]|3[ACDEacde]|40|5[BDFbdf]|7[B-Eb-e])'
const CHARACTER = String.raw`(?:[A-Za-z0-9_~!$&\x27()*+,=:@.-]|${HARMLESS}|${UTF8.join('|')})`
const BELOW = String.raw`(?:(?!\.\.?(?:[/?]|\z))${CHARACTER}++(?:/|(?=\?|\z)))*+`
const END = String.raw`(?:\?|\z)`

interface Unit {
  readonly byte: number
  readonly wasEncoded: boolean
}

function* unitsOf(path: string): Generator<Unit> {
  for (let i = 0; i < path.length; ) {
    const code = /^%([0-9A-Fa-f]{2})/.exec(path.slice(i, i + 3))?.[1]
    if (code !== undefined) {
      yield { byte: Number.parseInt(code, 16), wasEncoded: true }
      i += 3
      continue
    }
    const char = String.fromCodePoint(path.codePointAt(i)!)
    for (const byte of new TextEncoder().encode(char)) yield { byte, wasEncoded: false }
    i += char.length
  }
}

function wrongIn(path: string): string | undefined {
  if (!path.startsWith('/')) return 'a path begins with /'
  if (path.length > 1000) return 'a path has at most 1000 characters'
  if (/[?#]/.test(path)) return 'a path has no query: write %3F or %23 where it holds that very character'
  if (/%(?![0-9A-Fa-f]{2})/.test(path))
    return 'after % two hexadecimal digits must follow: write %25 for the character itself'
  if (path.includes('\\')) return 'a path holds no backslash: write %5C where it holds that very character'
  if (path.replace(/\/\*$/, '').includes('*'))
    return 'a * stands only at the end, after a /: write %2A where the path holds that very character'
  if (!path.isWellFormed()) return 'a path is text'
  return undefined
}

/** @param written `/api/notes`, or `/api/*` for all below */
export function pathPattern(written: string): PathPattern {
  const wrong = wrongIn(written)
  if (wrong !== undefined) return { ok: false, why: wrong }
  const prefix = written.endsWith('/*')
  let pattern = ''
  let path = ''
  for (const { byte, wasEncoded } of unitsOf(prefix ? written.slice(0, -1) : written)) {
    const char = byte < 0x80 ? String.fromCharCode(byte) : ''
    if (byte < 0x20 || byte === 0x7f) return { ok: false, why: 'a path holds no control characters' }
    if (wasEncoded && ONLY_ENCODED.test(char)) {
      pattern += encoded(byte)
      path += `%${hex(byte)}`
    } else if (char === '/' || UNRESERVED.test(char)) {
      pattern += literal(char)
      path += char
    } else if (EITHER.test(char)) {
      pattern += `(?:${literal(char)}|${encoded(byte)})`
      // So that a star of the path itself is not taken for everything below.
      path += char === '*' ? '%2A' : char
    } else {
      pattern += encoded(byte)
      path += `%${hex(byte)}`
    }
  }
  if (/\/\//.test(path)) return { ok: false, why: 'a path has no empty part: // is another path than /' }
  if (/\/\.\.?(?:\/|$)/.test(path)) return { ok: false, why: 'a path holds no . or .. as a part: write where it leads' }
  return prefix
    ? { ok: true, pattern: String.raw`\A${pattern}${BELOW}${END}`, path: `${path}*` }
    : { ok: true, pattern: String.raw`\A${pattern}${END}`, path }
}
