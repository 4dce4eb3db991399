/**
 * What a poll says of its Pod. An attacker in a Pod may write anything here: what is too long or of the wrong kind refuses the poll, texts lose
 * what could confuse a terminal or a log, and fields that nobody knows are not kept. Pure.
 */
import { z } from 'zod'
import type { Heard } from '../model.ts'
import { ServeError } from './errors.ts'

/** Bytes of the JSON, before base64. */
export const LONGEST_REPORT = 4096
const LONGEST_HEADER = Math.ceil(LONGEST_REPORT / 3) * 4

/** Control characters, direction marks, line ends: nothing that a sentence needs. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]+/gu
const text = (longest: number) =>
  z
    .string()
    .transform((all) => all.replaceAll(UNSEEN, ' ').slice(0, longest))
    .default('')
const word = (pattern: RegExp) => z.string().regex(pattern).or(z.literal('')).default('')
const count = z.int().min(0).default(0)

const status = z.object({
  generation: word(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/),
  sequence: count,
  wanted: text(128),
  state: z.enum(['active', 'failed', 'waiting']).default('waiting'),
  reason: word(/^[A-Za-z]{1,64}$/),
  detail: text(512),
  mode: z.enum(['block', 'detect', '']).default(''),
  orders: word(/^[0-9a-f]{16}$/),
  rules: count,
  engine: word(/^\d{1,5}(\.\d{1,5}){0,3}$/),
})
const report = z.object({
  protocol: z.int().min(1).max(1000).default(1),
  image: text(512),
  requests: count,
  blocked: count,
  status: status.prefault({}),
})

/** What a report says; the rest of `Heard` is who said it, and when. */
export type Said = Omit<Heard, 'namespace' | 'name' | 'uid' | 'at'>

const flat = ({ status: told, ...rest }: z.output<typeof report>): Said => ({ ...rest, ...told })
/** As from an updater that does not know anything of its WAF yet. */
const NOTHING: Said = flat(report.parse({}))

const refuse = (why: string): never => {
  throw new ServeError('ReportInvalid', `Cannot read the report: ${why}.`)
}

/**
 * @param header `Sekisho-Report` as it came
 * @throws {ServeError} that names the first field that is wrong, and not its value
 */
export const parseReport = (header: string | readonly string[] | undefined): Said => {
  if (header === undefined) return NOTHING
  if (typeof header !== 'string') return refuse('there are two of them')
  if (header.length > LONGEST_HEADER) return refuse(`it is larger than ${LONGEST_REPORT} bytes`)
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(header)) return refuse('it is not base64')
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(header, 'base64')))
  } catch {
    return refuse('it is not JSON in UTF-8')
  }
  const read = report.safeParse(json)
  if (read.success) return flat(read.data)
  const path = read.error.issues[0]?.path.join('.') ?? ''
  return refuse(path === '' ? 'it is not an object' : `'${path.slice(0, 60)}' is not what it must be`)
}
