/** The tables of docs/reference/waf-policy.md: fields from the definition, reasons from the program. */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { CONDITION_REASONS, POLICY_REASONS, type Reason } from '../../src/rules/policy/reasons.ts'
import { table } from './table.ts'

interface Schema {
  readonly type: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema
  readonly required?: readonly string[]
  readonly enum?: readonly string[]
  readonly format?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly maxItems?: number
  readonly maxLength?: number
  readonly 'x-kubernetes-validations'?: readonly { readonly message: string }[]
}

const definition = parse(readFileSync(new URL('../../manifests/base/waf-policy.yaml', import.meta.url), 'utf8'))
const spec: Schema = definition.spec.versions[0].schema.openAPIV3Schema.properties.spec

/** `1 to 4`, `block or detect`, `at most 32, each at most 63 characters`. */
function bounds(schema: Schema): string {
  if (schema.enum) return schema.enum.map((word) => `\`${word}\``).join(', ')
  if (schema.type === 'array')
    return `at most ${schema.maxItems}${schema.items?.enum ? `, each ${bounds(schema.items)}` : ''}`
  if (schema.type === 'integer') return `${schema.minimum} to ${schema.maximum}`
  if (schema.format === 'date-time') return 'a time'
  return schema.type === 'string' ? `at most ${schema.maxLength} characters` : '–'
}

function* rowsOf(schema: Schema, path: string): Generator<string[]> {
  for (const [name, part] of Object.entries(schema.properties ?? {})) {
    const at = `${path}${name}`
    const inner = part.items?.type === 'object' ? part.items : part
    const must = schema.required?.includes(name) ? ' Must be given.' : ''
    yield [`\`${at}\``, bounds(part), `${(part.description ?? '–').trim()}${must}`]
    if (name !== 'selector') yield* rowsOf(inner, `${at}${inner === part ? '' : '[]'}.`)
  }
}

/** What the schema says where a value alone is not wrong, but its neighbours make it so. */
function* messagesOf(schema: Schema, path: string): Generator<string[]> {
  for (const { message } of schema['x-kubernetes-validations'] ?? []) yield [`\`${path}\``, message]
  for (const [name, part] of Object.entries(schema.properties ?? {})) {
    yield* messagesOf(part, `${path}.${name}`)
    if (part.items) yield* messagesOf(part.items, `${path}.${name}[]`)
  }
}

const reasons = (list: Readonly<Record<string, Reason>>): string =>
  table(
    ['reason', 'what it means', 'what mends it'],
    Object.entries(list).map(([code, { sentence, remedy }]) => [`\`${code}\``, sentence, remedy]),
  )

export const wafPolicyPage = (): string =>
  [
    '## Fields of `spec`',
    table(['field', 'value', 'meaning'], [...rowsOf(spec, '')]),
    '## What the schema refuses beside single values',
    table(['field', 'message'], [...messagesOf(spec, 'spec')]),
    '## What the webhook answers',
    reasons(POLICY_REASONS),
    '## Reasons of the conditions',
    reasons(CONDITION_REASONS),
  ].join('\n\n')
