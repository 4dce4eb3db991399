/**
 * A configuration file in, a frozen typed object out, or every problem with its line.
 *
 *   text → YAML with positions → schema with defaults → frozen
 *
 * Read once at the door: nothing later has to doubt a value.
 */
import { readFileSync } from 'node:fs'
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { ConfigError, type ConfigProblem } from './errors.ts'
import { nearest } from './nearest.ts'
import { knownKeys, type Setting, settingsOf } from './settings.ts'

export interface Explained extends Setting {
  readonly value: unknown
  /** `file:line:column` where the file sets it, the flag that gives it, or absent where the default holds. */
  readonly where?: string
}
export interface Loaded<T> {
  readonly config: T
  readonly settings: readonly Explained[]
}

type Path = readonly (string | number)[]

const freeze = <T>(value: T): T => {
  if (value !== null && typeof value === 'object') for (const child of Object.values(value)) freeze(child)
  return Object.freeze(value)
}

/** A value for a message: short, on one line. */
const shown = (value: unknown): string => {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

const valueAt = (root: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (at, key) => (at !== null && typeof at === 'object' ? (at as Record<string, unknown>)[key] : undefined),
    root,
  )

/** Where a key stands in the text; where it does not, the place of its nearest parent that does. */
const finder = (file: string, document: Document, lines: LineCounter) => (path: Path) => {
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  for (let depth = path.length; depth > 0; depth--) {
    const parent = document.getIn(path.slice(0, depth - 1), true)
    const key = path[depth - 1]
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === key)
      if (pair && isNode(pair.key) && pair.key.range) return place(pair.key.range[0])
    }
    const node = document.getIn(path.slice(0, depth), true)
    if (isNode(node) && node.range) return place(node.range[0])
  }
  return `${file}:1:1`
}

/** A value for a setting that the file leaves out, and where it comes from: `--waf-image`. */
export interface Given {
  readonly path: readonly string[]
  readonly value: unknown
  readonly where: string
}

/** Puts what is given where the file says nothing; the file's own word always counts. */
const fill = (data: unknown, given: readonly Given[]): void => {
  for (const { path, value } of given) {
    if (valueAt(data, path) !== undefined) continue
    let at = data as Record<string, unknown>
    for (const key of path.slice(0, -1)) {
      at[key] ??= {}
      // A wrong type is found by the schema, with its line.
      if (at[key] === null || typeof at[key] !== 'object') return
      at = at[key] as Record<string, unknown>
    }
    at[path.at(-1)!] = value
  }
}

/** What is no YAML at all has an error on every line. */
const MAX_YAML_ERRORS = 20

/** @throws ConfigError where aliases would grow without bound. */
const plain = (document: Document, file: string): unknown => {
  try {
    return document.toJS()
  } catch (cause) {
    const message = `Cannot read as YAML: ${(cause as Error).message}`
    throw new ConfigError([{ code: 'ConfigNotYaml', where: `${file}:1:1`, message }], { cause })
  }
}

/**
 * Reads `text` by `schema`.
 * @param given values for settings that the file leaves out
 * @throws ConfigError with every problem
 */
export const parseConfig = <S extends z.ZodType>(
  schema: S,
  text: string,
  file: string,
  given: readonly Given[] = [],
): Loaded<z.output<S>> => {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  if (document.errors.length > 0) {
    const shownErrors = document.errors.slice(0, MAX_YAML_ERRORS)
    const more = document.errors.length - shownErrors.length
    throw new ConfigError(
      shownErrors.map(({ pos, message }, i) => {
        const { line, col } = lines.linePos(pos[0])
        const rest = more > 0 && i === shownErrors.length - 1 ? ` (and ${more} more errors)` : ''
        const said = `Cannot read as YAML: ${message}${rest}`
        return { code: 'ConfigNotYaml', where: `${file}:${line}:${col}`, message: said }
      }),
    )
  }
  if (!isMap(document.contents)) {
    const message = `Cannot read as configuration: the file must be a mapping of settings: current value is ${shown(document.toJS())}.`
    throw new ConfigError([{ code: 'ConfigNotYaml', where: `${file}:1:1`, message }])
  }
  const data = plain(document, file)
  const own = document.toJS() as unknown
  fill(data, given)
  const at = finder(file, document, lines)
  const settings = settingsOf(schema)
  const result = schema.safeParse(data)
  if (!result.success) {
    const line = ({ where }: ConfigProblem) => Number(where.split(':').at(-2))
    const found = result.error.issues.flatMap((issue) => problems(issue, data, settings, at))
    throw new ConfigError(found.sort((a, b) => line(a) - line(b)))
  }
  const whereSet = (path: readonly string[]) => {
    if (valueAt(own, path) !== undefined) return { where: at(path) }
    const from = given.find((one) => one.path.join('.') === path.join('.'))
    return from === undefined ? {} : { where: from.where }
  }
  return {
    config: freeze(result.data),
    settings: settings.map((setting) => ({
      ...setting,
      value: valueAt(result.data, setting.path),
      ...whereSet(setting.path),
    })),
  }
}

const problems = (
  issue: z.core.$ZodIssue,
  data: unknown,
  settings: readonly Setting[],
  at: (path: Path) => string,
): ConfigProblem[] => {
  const path = issue.path as Path
  const name = path.join('.')
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key], settings, at))
  const value = valueAt(data, path)
  const setting = settings.find((one) => one.path.join('.') === name)
  const what = setting ? `: ${setting.sentence} (${setting.type})` : ''
  if (value === undefined) {
    const message = `Cannot do without '${name}'${what}. Add it.`
    return [{ code: 'ConfigMissingKey', where: at(path), message }]
  }
  // A schema's own sentence ("must be a CIDR …") says more than the type; zod's begin with "Invalid" or "Too".
  const must = issue.message.startsWith('must ')
    ? issue.message
    : setting
      ? `must be ${setting.type.includes(' | ') ? 'one of ' : ''}${setting.type}`
      : `must be ${issue.code === 'invalid_type' && issue.expected === 'object' ? 'a mapping (or left out, for its defaults)' : issue.message}`
  return [
    {
      code: 'ConfigWrongValue',
      where: at(path),
      message: `Cannot use '${name}' as it ${must}: current value is ${shown(value)}.`,
    },
  ]
}

const unknownKey = (path: Path, settings: readonly Setting[], at: (path: Path) => string): ConfigProblem => {
  const known = knownKeys(settings)
  const parent = path.slice(0, -1).join('.')
  const last = String(path.at(-1))
  const siblings = known.filter((key) => key.split('.').slice(0, -1).join('.') === parent)
  const near = nearest(
    last,
    siblings.map((key) => key.split('.').at(-1)!),
  )
  // Nothing near beside it: perhaps the right word in the wrong group.
  const elsewhere = known.filter((key) => key.split('.').at(-1) === last)
  const guess = near ? [parent, near].filter(Boolean).join('.') : elsewhere.length === 1 ? elsewhere[0] : undefined
  const hint = guess
    ? `did you mean '${guess}'?`
    : `known here: ${siblings.map((key) => key.split('.').at(-1)).join(', ')}.`
  return { code: 'ConfigUnknownKey', where: at(path), message: `Cannot use '${path.join('.')}': unknown key; ${hint}` }
}

/** Reads a file. @throws ConfigError */
export const loadConfig = <S extends z.ZodType>(
  schema: S,
  file: string,
  given: readonly Given[] = [],
): Loaded<z.output<S>> => {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const message = `Cannot read the configuration file: ${code === 'ENOENT' ? 'there is no such file' : code}.`
    throw new ConfigError([{ code: 'ConfigUnreadable', where: file, message }], { cause })
  }
  return parseConfig(schema, text, file, given)
}
