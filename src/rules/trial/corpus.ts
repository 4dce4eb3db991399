/**
 * The corpus: requests that a rule set must stop and such that it must let pass, read from the files of corpus/ and turned into bytes. Pure: text in,
 * bytes out.
 *
 *     class: sqli                     or   kind: forms
 *     requests:
 *       - { name: union-select, send: GET /products, query: { id: "1' UNION …" } }
 *       - { name: split, raw: "GET / HTTP/1.1\r\n…" }
 *
 * A file with `class` holds attacks, one with `kind` harmless requests. The first SHORT of each file make the short corpus: those of an attack's
 * class differ in where they put it, so that a narrow exclusion does not open both.
 */
import { parse } from 'yaml'
import { z } from 'zod'

export interface CorpusRequest {
  /** Class of attack, or kind of harmless requests. */
  readonly group: string
  readonly name: string
  readonly expect: 'stopped' | 'passed'
  /** Whether it is of the short corpus too. */
  readonly short: boolean
  /** The bytes to send; `mark` is carried in the header MARK_HEADER, by which the other end knows the request. */
  bytes(mark: string): Buffer
}
export type Corpus = readonly CorpusRequest[]

export const MARK_HEADER = 'x-sekisho-trial'
const SHORT = 2

const texts = z.record(z.string(), z.string())
const part = z.strictObject({
  name: z.string(),
  filename: z.string().optional(),
  type: z.string().optional(),
  headers: texts.optional(),
  text: z.string(),
  /** How often the text is repeated. */
  times: z.int().min(1).default(1),
})
const request = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/),
    /** `METHOD /path?query`, as it goes over the wire. */
    send: z
      .string()
      .regex(/^[A-Z]+ \/[\x21-\x7e]*$/)
      .optional(),
    /** Percent-encoded and put behind the path. */
    query: texts.optional(),
    /** Beside or in place of the usual ones; null leaves one out. */
    headers: z.record(z.string(), z.string().nullable()).optional(),
    form: texts.optional(),
    json: z.json().optional(),
    parts: z.array(part).optional(),
    body: z.string().optional(),
    /** All of it, each character a byte. */
    raw: z
      .string()
      .regex(/^[A-Z]+ [\x00-\xff]*$/)
      .optional(),
  })
  .refine((one) => (one.send === undefined) !== (one.raw === undefined), 'one of send and raw is wanted')
  .refine(
    ({ form, json, parts, body }) => [form, json, parts, body].filter((one) => one !== undefined).length < 2,
    'one of form, json, parts and body is wanted at most',
  )
const file = z
  .strictObject({ class: z.string().optional(), kind: z.string().optional(), requests: z.array(request).min(SHORT) })
  .refine((one) => (one.class === undefined) !== (one.kind === undefined), 'one of class and kind is wanted')

type Request = z.output<typeof request>

const USUAL = {
  Host: 'shop.example',
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  Accept: '*/*',
} as const
const BOUNDARY = 'sekisho-7d1f3b9c'

const pairs = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&')

const partText = ({ name, filename, type, headers, text, times }: z.output<typeof part>): string =>
  [
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n`,
    type === undefined ? '' : `Content-Type: ${type}\r\n`,
    ...Object.entries(headers ?? {}).map(([key, value]) => `${key}: ${value}\r\n`),
    `\r\n${text.repeat(times)}\r\n`,
  ].join('')

function bodyOf(one: Request): { type?: string; bytes?: Buffer } {
  if (one.form !== undefined) return { type: 'application/x-www-form-urlencoded', bytes: Buffer.from(pairs(one.form)) }
  if (one.json !== undefined) return { type: 'application/json', bytes: Buffer.from(JSON.stringify(one.json)) }
  if (one.parts !== undefined)
    return {
      type: `multipart/form-data; boundary=${BOUNDARY}`,
      bytes: Buffer.from(`${one.parts.map(partText).join('')}--${BOUNDARY}--\r\n`),
    }
  return one.body === undefined ? {} : { bytes: Buffer.from(one.body) }
}

function bytesOf(one: Request, mark: string): Buffer {
  if (one.raw !== undefined) {
    const [line, ...rest] = one.raw.split('\r\n')
    return Buffer.from([line, `${MARK_HEADER}: ${mark}`, ...rest].join('\r\n'), 'latin1')
  }
  const { type, bytes } = bodyOf(one)
  const headers: Record<string, string | null> = { ...USUAL, [MARK_HEADER]: mark }
  if (type !== undefined) headers['Content-Type'] = type
  if (bytes !== undefined) headers['Content-Length'] = String(bytes.length)
  Object.assign(headers, { Connection: 'close' }, one.headers)
  const lines = Object.entries(headers).map(([name, value]) => (value === null ? '' : `${name}: ${value}\r\n`))
  const target = one.query === undefined ? one.send! : `${one.send}?${pairs(one.query)}`
  return Buffer.concat([Buffer.from(`${target} HTTP/1.1\r\n${lines.join('')}\r\n`), bytes ?? Buffer.alloc(0)])
}

/** @throws an error that names the file, if it is not of the form above */
export function readCorpusFile(name: string, text: string): Corpus {
  const read = file.safeParse(parse(text))
  if (!read.success)
    throw new Error(`Cannot read the corpus file ${name}: ${z.prettifyError(read.error)}`, { cause: read.error })
  const { class: attack, kind, requests } = read.data
  const again = requests.find((one, i) => requests.findIndex((other) => other.name === one.name) !== i)
  if (again) throw new Error(`Cannot read the corpus file ${name}: the name '${again.name}' stands in it twice`)
  return requests.map((one, i) => ({
    group: (attack ?? kind)!,
    name: one.name,
    expect: attack === undefined ? 'passed' : 'stopped',
    short: i < SHORT,
    bytes: (mark) => bytesOf(one, mark),
  }))
}

/** What is asked of a delta. */
export const shortCorpus = (corpus: Corpus): Corpus => corpus.filter(({ short }) => short)
