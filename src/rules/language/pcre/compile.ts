/**
 * Whether PCRE2 compiles a pattern, without PCRE2: the engine loads a rule with a broken regex in silence, and the rule never matches.
 *
 * It follows the syntax of PCRE2 10.48 in 8-bit mode without UTF, as libmodsecurity compiles (DOTALL, MULTILINE). It may refuse what PCRE2
 * takes only where a rule has no use for it: callouts, extended classes, (*UTF), a look-behind over a group that comes later.
 * The length of what a part can match is computed for look-behinds, and the size of the compiled pattern, since one over 64 KB is refused.
 * Tests compare with the real library: each regex of the Core Rule Set, a table of broken ones, and mutations of both.
 */
import { posixEnd, readClass } from './class.ts'
import { PcreError } from './error.ts'
import { type GroupRef, readEscape } from './escape.ts'
import { BRACES, Reader } from './reader.ts'

const NEST_LIMIT = 250
const MAX_REPEAT = 65_535
const MAX_SIZE = 65_535
const MAX_LOOK_BEHIND = 65_535
const MAX_VARIABLE_LOOK_BEHIND = 255
const INFINITE = Number.POSITIVE_INFINITY

/** How many characters a part can match, and how many bytes it takes compiled. */
interface Part {
  readonly min: number
  readonly max: number
  readonly size: number
}
interface Item extends Part {
  /** Whether a quantifier may follow. */
  readonly repeatable: boolean
  /** Whether a quantifier copies it. */
  readonly group: boolean
}
interface Options {
  readonly extended: boolean
  readonly blanksInClasses: boolean
  readonly noCapture: boolean
  readonly duplicateNames: boolean
}

const NOTHING: Part = { min: 0, max: 0, size: 0 }
const item = (part: Part, group = false): Item => ({ ...part, repeatable: true, group })
const mark = (size: number): Item => ({ min: 0, max: 0, size, repeatable: false, group: false })

const VERBS = new Set(['ACCEPT', 'COMMIT', 'F', 'FAIL', 'MARK', 'PRUNE', 'SKIP', 'THEN'])
const WITHOUT_NAME = new Set(['F', 'FAIL', 'ACCEPT'])
const START =
  /\(\*(?:NO_AUTO_POSSESS|NO_START_OPT|NO_JIT|NO_DOTSTAR_ANCHOR|NOTEMPTY_ATSTART|NOTEMPTY|CRLF|CR|LF|ANYCRLF|ANY|NUL|BSR_ANYCRLF|BSR_UNICODE|LIMIT_(?:MATCH|DEPTH|RECURSION|HEAP)=\d+)\)/y
const ALPHA: Readonly<Record<string, string>> = {
  pla: '=',
  positive_lookahead: '=',
  nla: '!',
  negative_lookahead: '!',
  plb: '<=',
  positive_lookbehind: '<=',
  nlb: '<!',
  negative_lookbehind: '<!',
  napla: '*',
  non_atomic_positive_lookahead: '*',
  naplb: '<*',
  non_atomic_positive_lookbehind: '<*',
  atomic: '>',
  sr: '>',
  script_run: '>',
  asr: '>',
  atomic_script_run: '>',
}

class Compiler {
  readonly #reader: Reader
  #groups = 0
  #mostGroups = 0
  #depth = 0
  readonly #names = new Map<string, number>()
  readonly #nameOf = new Map<number, string>()
  readonly #references: { to: GroupRef; offset: number }[] = []
  readonly #widths = new Map<number, Part>()

  constructor(pattern: string) {
    this.#reader = new Reader(pattern)
  }

  compile(): Part {
    const reader = this.#reader
    while (reader.take(START) !== undefined);
    const options = { extended: false, blanksInClasses: false, noCapture: false, duplicateNames: false }
    const part = this.#alternatives(options, 'ordinary')
    if (!reader.ended) reader.fail('unmatched closing parenthesis')
    for (const { to, offset } of this.#references) {
      const known = 'name' in to ? this.#names.has(to.name) : to.number <= this.#mostGroups
      if (!known) reader.fail('reference to non-existent subpattern', offset)
    }
    if (part.size > MAX_SIZE) reader.fail('regular expression is too large', 0)
    return part
  }

  /** Up to the `)` that ends the group, or the end. */
  #alternatives(options: Options, kind: 'ordinary' | 'reset' | 'behind' | 'condition' | 'define', openedAt = 0): Part {
    const reader = this.#reader
    const branches: Part[] = []
    const first = this.#groups
    let most = first
    let current = options
    for (;;) {
      const branch = this.#branch(current)
      branches.push(branch.part)
      current = branch.options
      most = Math.max(most, this.#groups)
      if (!reader.skip('|')) break
      if (kind === 'reset') this.#groups = first
    }
    this.#groups = most
    if (kind === 'condition' && branches.length > 2)
      reader.fail('conditional subpattern contains more than two branches', openedAt)
    if (kind === 'define' && branches.length > 1)
      reader.fail('DEFINE subpattern contains more than one branch', openedAt)
    if (kind === 'behind')
      for (const { min, max } of branches) {
        if (max === INFINITE) reader.fail('length of lookbehind assertion is not limited', openedAt)
        if (max > MAX_LOOK_BEHIND) reader.fail('lookbehind assertion is too long', openedAt)
        if (min !== max && max > MAX_VARIABLE_LOOK_BEHIND)
          reader.fail('branch too long in variable-length lookbehind assertion', openedAt)
      }
    const optional = kind === 'condition' && branches.length === 1
    // Not Math.min(...): a hundred thousand branches are no arguments of a call.
    return {
      min: optional ? 0 : branches.reduce((least, { min }) => Math.min(least, min), INFINITE),
      max: branches.reduce((most, { max }) => Math.max(most, max), 0),
      size: branches.reduce((sum, { size }) => sum + size, 0) + 3 * (branches.length - 1),
    }
  }

  #branch(given: Options): { part: Part; options: Options } {
    const reader = this.#reader
    let options = given
    let min = 0
    let max = 0
    let size = 0
    let last: Item | undefined
    /** What is read has no quantifier after it any more. */
    const settle = (): void => {
      if (last === undefined) return
      min += last.min
      max += last.max
      size += last.size
      last = undefined
    }
    while (!reader.ended && reader.next !== ')' && reader.next !== '|') {
      if (options.extended && reader.take(/[\t-\r ]+|#[^\n]*\n?/y) !== undefined) continue
      if (reader.startsWith('(?#')) {
        const end = reader.bytes.indexOf(')', reader.offset)
        if (end === -1) reader.fail('missing ) after (?# comment', reader.bytes.length)
        reader.offset = end + 1
        continue
      }
      const repeat = this.#quantifier()
      if (repeat !== undefined) {
        if (last === undefined || !last.repeatable) return reader.fail('quantifier does not follow a repeatable item')
        const repeated = multiplied(last, repeat)
        last = { ...repeated, repeatable: false, group: false }
        continue
      }
      if (reader.skip('\\Q')) {
        const end = reader.bytes.indexOf('\\E', reader.offset)
        const text = reader.bytes.slice(reader.offset, end === -1 ? undefined : end)
        reader.offset = end === -1 ? reader.bytes.length : end + 2
        if (text === '') continue
        settle()
        const before = text.length - 1
        min += before
        max += before
        size += 2 * before
        last = item({ min: 1, max: 1, size: 2 })
        continue
      }
      if (reader.skip('\\E')) continue
      settle()
      const changed = this.#optionSetting(options)
      if (changed !== undefined) {
        options = changed
        last = undefined
        continue
      }
      last = this.#item(options)
    }
    settle()
    return { part: { min, max, size }, options }
  }

  #quantifier(): { least: number; most: number } | undefined {
    const reader = this.#reader
    const single = reader.take(/[*+?]/y)?.[0]
    let range: { least: number; most: number }
    if (single !== undefined) range = { least: single === '+' ? 1 : 0, most: single === '?' ? 1 : INFINITE }
    else {
      const braces = reader.take(BRACES)
      if (braces === undefined) return undefined
      const [, from, comma, to, , upTo] = braces
      const least = Number(from ?? 0)
      const most = upTo !== undefined ? Number(upTo) : comma === undefined ? least : to === '' ? INFINITE : Number(to)
      if (least > MAX_REPEAT || (most !== INFINITE && most > MAX_REPEAT)) reader.fail('number too big in {} quantifier')
      if (most < least) reader.fail('numbers out of order in {} quantifier')
      range = { least, most }
    }
    reader.take(/[?+]/y)
    return range
  }

  /** `(?i)`, `(?^x-s)`: holds to the end of the group. */
  #optionSetting(options: Options): Options | undefined {
    const reader = this.#reader
    const from = reader.offset
    if (!/^\(\?[\^imsxnJUar)-]/.test(reader.bytes.slice(from, from + 3))) return undefined
    if (/^\(\?-\d/.test(reader.bytes.slice(from, from + 4))) return undefined
    reader.offset += 2
    const changed = this.#letters(options)
    if (reader.skip(')')) return changed
    if (reader.next === ':') {
      reader.offset = from
      return undefined
    }
    return reader.ended
      ? reader.fail('missing closing parenthesis')
      : reader.fail('unrecognized character after (? or (?-', reader.offset + 1)
  }

  #letters(options: Options): Options {
    const reader = this.#reader
    const reset = reader.skip('^')
    let changed = reset ? { ...options, extended: false, blanksInClasses: false, noCapture: false } : options
    let on = true
    for (;;) {
      const letter = reader.take(/-|xx|a[DPSTW]*|[imsxnJUr]/y)?.[0]
      if (letter === undefined) return changed
      if (letter === '-') {
        if (reset || !on) reader.fail('invalid hyphen in option setting')
        on = false
      } else if (letter === 'xx') changed = { ...changed, extended: on, blanksInClasses: on }
      else if (letter === 'x') changed = { ...changed, extended: on, blanksInClasses: false }
      else if (letter === 'n') changed = { ...changed, noCapture: on }
      else if (letter === 'J') changed = { ...changed, duplicateNames: on }
    }
  }

  #item(options: Options): Item {
    const reader = this.#reader
    const c = reader.next
    if (c === '(') return this.#group(options)
    if (c === '[') {
      if (reader.skip('[[:<:]]') || reader.skip('[[:>:]]')) return mark(10)
      if (posixEnd(reader.bytes, reader.offset) !== undefined)
        reader.fail(
          reader.bytes[reader.offset + 1] === ':'
            ? 'POSIX named classes are supported only within a class'
            : 'POSIX collating elements are not supported',
        )
      reader.offset++
      return item({ min: 1, max: 1, size: readClass(reader, { ignoreBlanks: options.blanksInClasses }) })
    }
    reader.offset++
    if (c === '^' || c === '$') return mark(1)
    if (c === '.') return item({ min: 1, max: 1, size: 1 })
    return c === '\\' ? this.#escape() : item({ min: 1, max: 1, size: 2 })
  }

  #escape(): Item {
    const found = readEscape(this.#reader, false, this.#groups)
    switch (found.kind) {
      case 'literal':
        return item({ min: 1, max: 1, size: 2 })
      case 'type':
        return item(found)
      case 'reference':
      case 'call':
        return this.#reference(found.to, found.offset)
      default:
        return mark(1)
    }
  }

  #reference(to: GroupRef, offset: number): Item {
    this.#references.push({ to, offset })
    const number = 'name' in to ? this.#names.get(to.name) : to.number
    const width = number === undefined ? undefined : this.#widths.get(number)
    return item({ min: width?.min ?? 0, max: width?.max ?? INFINITE, size: 3 }, true)
  }

  #enter(): void {
    if (++this.#depth > NEST_LIMIT) this.#reader.fail('parentheses are too deeply nested')
  }

  #close(): void {
    this.#depth--
    if (!this.#reader.skip(')')) this.#reader.fail('missing closing parenthesis')
  }

  #inside(options: Options, kind: 'ordinary' | 'reset' | 'behind' | 'condition' | 'define', openedAt: number): Part {
    this.#enter()
    const part = this.#alternatives(options, kind, openedAt)
    this.#close()
    return part
  }

  #capture(options: Options, openedAt: number, name?: string): Item {
    const number = ++this.#groups
    this.#mostGroups = Math.max(this.#mostGroups, number)
    if (name !== undefined) {
      const known = this.#names.get(name)
      if (known !== undefined && known !== number && !options.duplicateNames)
        this.#reader.fail('two named subpatterns have the same name (PCRE2_DUPNAMES not set)')
      const other = this.#nameOf.get(number)
      if (other !== undefined && other !== name)
        this.#reader.fail('different names for subpatterns of the same number are not allowed')
      this.#names.set(name, known ?? number)
      this.#nameOf.set(number, name)
    }
    const part = this.#inside(options, 'ordinary', openedAt)
    const before = this.#widths.get(number)
    this.#widths.set(number, {
      min: Math.min(part.min, before?.min ?? INFINITE),
      max: Math.max(part.max, before?.max ?? 0),
      size: 0,
    })
    return item({ ...part, size: part.size + 8 }, true)
  }

  #assertion(options: Options, kind: string, openedAt: number): Item {
    const part = this.#inside(options, kind.startsWith('<') ? 'behind' : 'ordinary', openedAt)
    return item({ min: 0, max: 0, size: part.size + (kind.startsWith('<') ? 11 : 6) }, true)
  }

  #group(options: Options): Item {
    const reader = this.#reader
    const openedAt = reader.offset
    reader.offset++
    if (reader.next === '*' && /^\*[A-Za-z_:]/.test(reader.bytes.slice(reader.offset, reader.offset + 2)))
      return this.#verb(options, openedAt)
    if (!reader.skip('?')) {
      if (!options.noCapture) return this.#capture(options, openedAt)
      const part = this.#inside(options, 'ordinary', openedAt)
      return item({ ...part, size: part.size + 6 }, true)
    }
    if (reader.ended) reader.fail('unrecognized character after (? or (?-')
    const plain = (kind: 'ordinary' | 'reset', inner = options): Item => {
      const part = this.#inside(inner, kind, openedAt)
      return item({ ...part, size: part.size + 6 }, true)
    }
    if (reader.skip(':') || reader.skip('>')) return plain('ordinary')
    if (reader.skip('|')) return plain('reset')
    const look = reader.take(/<?[=!*]/y)?.[0]
    if (look !== undefined) return this.#assertion(options, look, openedAt)
    if (reader.skip('P<') || reader.skip('<')) return this.#capture(options, openedAt, reader.groupName('>'))
    if (reader.skip("'")) return this.#capture(options, openedAt, reader.groupName("'"))
    if (reader.skip('P=') || reader.skip('P>') || reader.skip('&')) {
      const at = reader.offset
      return this.#reference({ name: reader.groupName(')') }, at)
    }
    if (reader.next === 'P')
      reader.fail(
        reader.offset + 1 === reader.bytes.length ? 'missing closing parenthesis' : 'unrecognized character after (?P',
        reader.offset + 1,
      )
    if (reader.next === '(') return this.#conditional(options, openedAt)
    const call = reader.take(/R|([+-]?)(\d+)/y)
    if (call !== undefined) return this.#call(call)
    const inner = this.#letters(options)
    if (reader.skip(':')) return plain('ordinary', inner)
    if (reader.ended) reader.fail('missing closing parenthesis')
    return reader.fail('unrecognized character after (? or (?-', reader.offset + 1)
  }

  #call([all, sign, digits]: RegExpExecArray): Item {
    const reader = this.#reader
    const at = reader.offset
    if (!reader.skip(')')) reader.fail('(?R (recursive pattern call) must be followed by a closing parenthesis')
    if (all === 'R') return item({ min: 0, max: INFINITE, size: 3 }, true)
    const value = Number(digits)
    if (sign && value === 0) reader.fail('invalid relative reference', at)
    const number = sign === '-' ? this.#groups + 1 - value : sign === '+' ? this.#groups + value : value
    if (number < 0 || (sign === '-' && number === 0)) reader.fail('reference to non-existent subpattern', at)
    return number === 0 ? item({ min: 0, max: INFINITE, size: 3 }, true) : this.#reference({ number }, at)
  }

  #conditional(options: Options, openedAt: number): Item {
    const reader = this.#reader
    const done = (kind: 'condition' | 'define'): Item => {
      const part = this.#inside(options, kind, openedAt)
      return item({ ...part, size: part.size + 9 }, true)
    }
    if (
      /^\(\?(?:<?[=!*])/.test(reader.bytes.slice(reader.offset, reader.offset + 4)) ||
      /^\(\*[a-z]/.test(reader.bytes.slice(reader.offset, reader.offset + 3))
    ) {
      const condition = this.#group(options)
      const part = done('condition')
      return { ...part, size: part.size + condition.size }
    }
    reader.offset++
    const at = reader.offset
    if (reader.take(/VERSION>?=\d+(?:\.\d+)?\)/y)) return done('condition')
    const number = reader.take(/([+-]?)(\d+)\)/y)
    if (number) {
      const [, sign, digits] = number
      const to =
        sign === '-' ? this.#groups + 1 - Number(digits) : sign === '+' ? this.#groups + Number(digits) : Number(digits)
      if (to <= 0) reader.fail('reference to non-existent subpattern', at)
      this.#references.push({ to: { number: to }, offset: at })
      return done('condition')
    }
    if (reader.skip('R&')) {
      this.#references.push({ to: { name: reader.groupName(')') }, offset: at })
      return done('condition')
    }
    const close = reader.skip('<') ? '>' : reader.skip("'") ? "'" : ''
    const name = reader.groupName(close === '' ? ')' : close)
    if (close !== '' && !reader.skip(')')) reader.fail('missing closing parenthesis for condition')
    if (close === '') {
      if (name === 'DEFINE') return done('define')
      if (/^R\d*$/.test(name) && !this.#names.has(name)) {
        if (name !== 'R') this.#references.push({ to: { number: Number(name.slice(1)) }, offset: at })
        return done('condition')
      }
    }
    this.#references.push({ to: { name }, offset: at })
    return done('condition')
  }

  #verb(options: Options, openedAt: number): Item {
    const reader = this.#reader
    reader.offset++
    const name = reader.take(/[A-Za-z_]*/y)![0]
    const kind = Object.hasOwn(ALPHA, name) ? ALPHA[name] : undefined
    if (kind !== undefined) {
      if (!reader.skip(':')) reader.fail('(*VERB) not recognized or malformed')
      if (kind !== '>') return this.#assertion(options, kind, openedAt)
      const part = this.#inside(options, 'ordinary', openedAt)
      return item({ ...part, size: part.size + 6 }, true)
    }
    if (/^[a-z]/.test(name)) reader.fail('(*alpha_assertion) not recognized')
    const argument = reader.take(/:([^)]*)/y)?.[1]
    if (!reader.skip(')') || !(VERBS.has(name) || (name === '' && argument !== undefined)))
      reader.fail('(*VERB) not recognized or malformed')
    if ((name === 'MARK' || name === '') && !argument) reader.fail('(*MARK) must have an argument')
    if ((argument?.length ?? 0) > 255) reader.fail('name is too long in (*MARK), (*PRUNE), (*SKIP), or (*THEN)')
    const size = 1 + (argument === undefined ? 0 : argument.length + 2)
    return WITHOUT_NAME.has(name) && name === 'ACCEPT' ? item({ ...NOTHING, size }, true) : mark(size)
  }
}

/** The part repeated; a group is copied once for each time it must or may match. */
function multiplied({ min, max, size, group }: Item, { least, most }: { least: number; most: number }): Part {
  const times = (count: number, each: number): number => (count === 0 || each === 0 ? 0 : count * each)
  const simple = least <= 1 && (most === 1 || most === INFINITE)
  const copies = !group
    ? simple
      ? Math.max(size, 1) + (size === 2 ? 0 : 1)
      : size + 4
    : most === INFINITE
      ? times(Math.max(least, 1), size) + 1
      : times(least, size) + times(most - least, size + 7)
  return { min: times(least, min), max: times(most, max), size: copies }
}

export interface BrokenRegex {
  readonly message: string
  /** In bytes, from 0. */
  readonly offset: number
}

/** Why the engine could not compile the pattern, or undefined. */
export function brokenRegex(pattern: string): BrokenRegex | undefined {
  try {
    new Compiler(pattern).compile()
    return undefined
  } catch (error) {
    if (error instanceof PcreError) return { message: error.message, offset: error.offset }
    throw error
  }
}

/** About how many bytes the compiled pattern takes; for the test that compares with the library. */
export const compiledSize = (pattern: string): number => new Compiler(pattern).compile().size
