/** The tables of docs/reference/webhook-entries.md and rbac.md, read from the manifests. */
import { readFileSync } from 'node:fs'
import { parse, parseAllDocuments } from 'yaml'
import { table } from './table.ts'

const read = (file: string) => readFileSync(new URL(`../../manifests/base/${file}`, import.meta.url), 'utf8')
const code = (words: readonly string[]) => words.map((word) => `\`${word}\``).join(', ')

interface Entry {
  readonly name: string
  readonly failurePolicy: string
  readonly timeoutSeconds: number
  readonly rules: readonly { readonly resources: string[]; readonly operations: string[] }[]
  readonly namespaceSelector: { readonly matchExpressions: readonly Expression[] }
  readonly objectSelector?: {
    readonly matchExpressions?: readonly Expression[]
    readonly matchLabels?: Record<string, string>
  }
  readonly matchConditions?: readonly { readonly name: string }[]
}
interface Expression {
  readonly key: string
  readonly operator: string
  readonly values?: readonly string[]
}

const inWords = ({ key, operator, values }: Expression): string =>
  ({
    Exists: `\`${key}\``,
    DoesNotExist: `no \`${key}\``,
    In: key === 'kubernetes.io/metadata.name' ? code(values ?? []) : `\`${key}\` in ${code(values ?? [])}`,
    NotIn: '',
  })[operator] ?? operator

const selected = ({ namespaceSelector, objectSelector, rules }: Entry): string => {
  const parts = namespaceSelector.matchExpressions.map(inWords).filter((text) => text !== '')
  const labels = Object.entries(objectSelector?.matchLabels ?? {}).map(([key, value]) => `\`${key}=${value}\``)
  const objects = [...(objectSelector?.matchExpressions ?? []).map(inWords), ...labels]
  const where = rules[0]?.resources[0] === 'namespaces' ? [] : [`namespace: ${parts.join(', ') || 'any'}`]
  return [...where, ...(objects.length > 0 ? [`object: ${objects.join(', ')}`] : [])].join('; ')
}

const entriesOf = (file: string): string =>
  table(
    ['entry', 'requests', 'selected by', 'and only if', 'without an answer'],
    (parse(read(file)) as { webhooks: Entry[] }).webhooks.map((entry) => [
      `\`${entry.name}\``,
      entry.rules.map(({ resources, operations }) => `${operations.join('/')} ${resources.join(', ')}`).join('; '),
      selected(entry),
      entry.matchConditions?.map(({ name }) => name).join(', ') ?? '–',
      `${entry.failurePolicy === 'Fail' ? 'refused' : 'passes'} after ${entry.timeoutSeconds} s`,
    ]),
  )

export const webhookEntriesPage = (): string =>
  [
    '## MutatingWebhookConfiguration `sekisho`',
    entriesOf('mutating.yaml'),
    '## ValidatingWebhookConfiguration `sekisho`',
    entriesOf('validating.yaml'),
  ].join('\n\n')

interface Role {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly rules: readonly {
    readonly resources?: string[]
    readonly nonResourceURLs?: string[]
    readonly resourceNames?: string[]
    readonly verbs: string[]
  }[]
}

const rolesOf = (file: string): string[][] =>
  parseAllDocuments(read(file))
    .map((document) => document.toJS() as Role)
    .filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole')
    .flatMap(({ metadata, rules }) =>
      rules.map(({ resources, nonResourceURLs, resourceNames, verbs }) => [
        `\`${metadata.name}\``,
        metadata.namespace ? `namespace \`${metadata.namespace}\`` : 'the cluster',
        code(resources ?? nonResourceURLs ?? []),
        resourceNames ? code(resourceNames) : 'any',
        verbs.join(', '),
      ]),
    )

export const rbacPage = (): string =>
  table(
    ['role', 'in', 'resources', 'names', 'verbs'],
    [
      'webhook-rbac.yaml',
      'rules-rbac.yaml',
      'guard-rbac.yaml',
      'ids-rbac.yaml',
      'certs-rbac.yaml',
      'operators.yaml',
    ].flatMap(rolesOf),
  )
