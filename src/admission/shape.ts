/**
 * Is an object shaped as its kind says, in the fields that our decisions read?
 * The API server decodes objects before it calls us, so a wrong shape means that someone else calls: the request is
 * refused as malformed rather than judged. Unknown fields are nobody's business here and are never looked at.
 */

type Shape =
  | 'string'
  | 'number'
  | 'boolean'
  | 'scalar'
  | 'object'
  | { readonly map: 'string' }
  | { readonly list: Shape }
  | { readonly fields: Readonly<Record<string, Shape>>; readonly required?: readonly string[] }

const STRINGS: Shape = { map: 'string' }
const list = (shape: Shape): Shape => ({ list: shape })
const fields = (of: Readonly<Record<string, Shape>>, required: readonly string[] = []): Shape => ({
  fields: of,
  required,
})

const probe = fields({ httpGet: 'object', grpc: 'object', tcpSocket: 'object', exec: 'object' })
const container = fields(
  {
    name: 'string',
    image: 'string',
    restartPolicy: 'string',
    ports: list(
      fields({ name: 'string', containerPort: 'number', hostPort: 'number', protocol: 'string' }, ['containerPort']),
    ),
    volumeMounts: list(fields({ name: 'string', mountPath: 'string' }, ['name'])),
    livenessProbe: probe,
    readinessProbe: probe,
    startupProbe: probe,
    lifecycle: fields({ postStart: probe, preStop: probe }),
    resources: fields({ requests: 'object', limits: 'object' }),
    securityContext: 'object',
    command: list('string'),
    args: list('string'),
  },
  ['name'],
)
const podSpec = fields({
  containers: list(container),
  initContainers: list(container),
  ephemeralContainers: list(container),
  volumes: list(fields({ name: 'string' }, ['name'])),
  hostNetwork: 'boolean',
  nodeName: 'string',
  nodeSelector: STRINGS,
  runtimeClassName: 'string',
  imagePullSecrets: list('object'),
  securityContext: 'object',
  affinity: 'object',
  tolerations: list(fields({ key: 'string', operator: 'string', value: 'string', effect: 'string' })),
})
const metadata = fields({
  name: 'string',
  generateName: 'string',
  namespace: 'string',
  uid: 'string',
  labels: STRINGS,
  annotations: STRINGS,
  deletionTimestamp: 'string',
  ownerReferences: list(
    fields({ kind: 'string', name: 'string', uid: 'string', controller: 'boolean' }, ['kind', 'name']),
  ),
})
const object = (spec: Shape = 'object') => fields({ metadata, spec })
const templated = object(fields({ template: fields({ metadata, spec: podSpec }) }))
const selector = fields({
  matchLabels: STRINGS,
  matchExpressions: list(fields({ key: 'string', operator: 'string', values: list('string') }, ['key', 'operator'])),
})

const SHAPES: Readonly<Record<string, Shape>> = {
  Pod: object(podSpec),
  Deployment: templated,
  ReplicaSet: templated,
  StatefulSet: templated,
  DaemonSet: templated,
  Job: templated,
  ReplicationController: templated,
  CronJob: object(fields({ jobTemplate: fields({ spec: fields({ template: fields({ metadata, spec: podSpec }) }) }) })),
  Binding: fields({ metadata, target: fields({ kind: 'string', name: 'string' }, ['name']) }, ['target']),
  ConfigMap: fields({ metadata, data: STRINGS, binaryData: STRINGS }),
  Service: object(
    fields({
      selector: STRINGS,
      ports: list(fields({ name: 'string', port: 'number', targetPort: 'scalar', protocol: 'string' }, ['port'])),
    }),
  ),
  NetworkPolicy: object(
    fields({
      podSelector: selector,
      policyTypes: list('string'),
      ingress: list(fields({ ports: list(fields({ port: 'scalar', endPort: 'number', protocol: 'string' })) })),
    }),
  ),
}
const ANY = object()

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/**
 * Not among the kinds above: a mutating review of a WafPolicy comes before the API server has held the schema against it, and what is wrong with
 * its shape is the schema's to say.
 */
const WAF_POLICY: Shape = object(
  fields({
    selector,
    mode: 'string',
    limits: fields({ bodyBytes: 'number', fieldsBytes: 'number' }),
    exclusions: list(
      fields(
        {
          rule: 'number',
          tag: 'string',
          path: 'string',
          parameter: 'string',
          cookie: 'string',
          header: 'string',
          reason: 'string',
          expires: 'string',
        },
        ['path', 'reason'],
      ),
    ),
    breakGlass: fields({ until: 'string', reason: 'string', by: 'string' }, ['until', 'reason']),
  }),
)

const WORDS = {
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  scalar: 'a string or a number',
  object: 'an object',
}

/** The first field that is not as it must be: `spec.containers[0].name must be a string`; undefined when all are. */
const wrong = (value: unknown, shape: Shape, path: string): string | undefined => {
  // Go's decoder takes null for anything that is absent, so it can stand anywhere.
  if (value === undefined || value === null) return undefined
  if (typeof shape === 'string') {
    const fits =
      shape === 'object'
        ? isRecord(value)
        : shape === 'scalar'
          ? typeof value === 'string' || typeof value === 'number'
          : typeof value === shape
    return fits ? undefined : `${path} must be ${WORDS[shape]}`
  }
  if ('list' in shape) {
    if (!Array.isArray(value)) return `${path} must be a list`
    for (let i = 0; i < value.length; i++) {
      const found = value[i] === null ? `${path}[${i}] must not be null` : wrong(value[i], shape.list, `${path}[${i}]`)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (!isRecord(value)) return `${path} must be an object`
  if ('map' in shape) {
    for (const key in value)
      if (typeof value[key] !== 'string') return `${path}[${JSON.stringify(key.slice(0, 80))}] must be a string`
    return undefined
  }
  for (const key of shape.required ?? [])
    if (value[key] === undefined || value[key] === null) return `${path}.${key} must be given`
  for (const key in shape.fields) {
    const found = wrong(value[key], shape.fields[key]!, `${path}.${key}`)
    if (found !== undefined) return found
  }
  return undefined
}

/** What is wrong with `value` as an object of this kind, in words that begin with the field; undefined when nothing is. */
export const malformed = (value: unknown, kind: string, name: 'object' | 'oldObject'): string | undefined =>
  isRecord(value) ? wrong(value, Object.hasOwn(SHAPES, kind) ? SHAPES[kind]! : ANY, name) : `${name} must be an object`

/** What is wrong with a WafPolicy that the API server held its schema against; undefined when nothing is. */
export const malformedPolicy = (value: unknown): string | undefined => wrong(value, WAF_POLICY, 'object')

/**
 * How deeply a value is nested, counted without recursion and no further than `limit`. Asked only after a stack ran
 * over, so that a common review pays nothing for it.
 */
export const depthOver = (value: unknown, limit: number): boolean => {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true
    level = level.flatMap((one) => (one !== null && typeof one === 'object' ? Object.values(one) : []))
  }
  return false
}
