/**
 * AdmissionReview in, Review out; Verdict in, AdmissionReview out. Pure.
 *
 *   {apiVersion, kind, request: {uid, kind, resource, …, object}}  →  Review  →  reviewer  →  Verdict
 *   {apiVersion, kind, response: {uid, allowed, status?, patch?, warnings?}}  ←──────────────────┘
 */
import type { KubeObject, UserInfo } from '../api/kube.ts'
import type { Verdict } from '../api/verdict.ts'
import { AdmissionError, shown } from './errors.ts'
import type { Operation, Review } from './review.ts'
import { malformed } from './shape.ts'

export const API_VERSION = 'admission.k8s.io/v1'
const OPERATIONS: ReadonlySet<unknown> = new Set(['CREATE', 'UPDATE', 'DELETE', 'CONNECT'])

type Fields = Record<string, unknown>
const isFields = (value: unknown): value is Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

const must = (field: string, what: string, value: unknown): never => {
  throw new AdmissionError(
    'BadReview',
    `Cannot read the review as '${field}' must be ${what}: current value is ${shown(value)}.`,
  )
}

const fieldsOf = (from: Fields, key: string, path: string): Fields => {
  const value = from[key]
  return isFields(value) ? value : must(`${path}.${key}`, 'an object', value)
}
const textOf = (from: Fields, key: string, path: string): string => {
  const value = from[key]
  return typeof value === 'string' ? value : must(`${path}.${key}`, 'a string', value)
}
const optionalText = (from: Fields, key: string, path: string): string =>
  from[key] == null ? '' : textOf(from, key, path)

/** Checks a parsed body. @throws AdmissionError that names the first field that is wrong. */
export const parseReview = (body: unknown): Review => {
  if (!isFields(body)) return must('the body', 'an AdmissionReview', body)
  if (body['kind'] !== 'AdmissionReview') must('kind', '"AdmissionReview"', body['kind'])
  if (body['apiVersion'] !== API_VERSION) {
    const message = `Cannot read the review as 'apiVersion' must be "${API_VERSION}": current value is ${shown(body['apiVersion'])}.`
    throw new AdmissionError('UnsupportedVersion', message)
  }
  const request = fieldsOf(body, 'request', 'review')
  const uid = textOf(request, 'uid', 'request')
  if (uid === '' || uid.length > 128) must('request.uid', 'a string of 1 to 128 characters', uid)
  const kind = fieldsOf(request, 'kind', 'request')
  const resource = fieldsOf(request, 'resource', 'request')
  const operation = request['operation']
  if (!OPERATIONS.has(operation)) must('request.operation', 'CREATE, UPDATE, DELETE or CONNECT', operation)
  const dryRun = request['dryRun'] ?? false
  if (typeof dryRun !== 'boolean') must('request.dryRun', 'true or false', dryRun)
  const kindName = textOf(kind, 'kind', 'request.kind')
  return {
    uid,
    kind: {
      group: optionalText(kind, 'group', 'request.kind'),
      version: textOf(kind, 'version', 'request.kind'),
      kind: kindName,
    },
    resource: {
      group: optionalText(resource, 'group', 'request.resource'),
      version: textOf(resource, 'version', 'request.resource'),
      resource: textOf(resource, 'resource', 'request.resource'),
    },
    subResource: optionalText(request, 'subResource', 'request'),
    name: optionalText(request, 'name', 'request'),
    namespace: optionalText(request, 'namespace', 'request'),
    operation: operation as Operation,
    userInfo: parseUser(request),
    object: parseObject(request, 'object', kindName, operation === 'CREATE' || operation === 'UPDATE'),
    oldObject: parseObject(request, 'oldObject', kindName, operation === 'UPDATE'),
    dryRun: dryRun as boolean,
  }
}

const parseObject = (
  request: Fields,
  key: 'object' | 'oldObject',
  kind: string,
  required: boolean,
): KubeObject | null => {
  const value = request[key]
  if (value == null) return required ? must(`request.${key}`, 'an object', value) : null
  const problem = malformed(value, kind, key)
  if (problem !== undefined)
    throw new AdmissionError('BadObject', `Cannot judge the ${shown(kind).slice(1, -1)}: ${problem}.`)
  return value as KubeObject
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

const parseUser = (request: Fields): UserInfo => {
  const user = fieldsOf(request, 'userInfo', 'request')
  const { groups, extra } = user
  if (groups != null && !isTexts(groups)) must('request.userInfo.groups', 'a list of strings', groups)
  if (extra != null && !(isFields(extra) && Object.values(extra).every((value) => value === null || isTexts(value)))) {
    must('request.userInfo.extra', 'lists of strings by key', extra)
  }
  return {
    username: optionalText(user, 'username', 'request.userInfo'),
    ...(user['uid'] == null ? {} : { uid: textOf(user, 'uid', 'request.userInfo') }),
    ...(groups == null ? {} : { groups: groups as string[] }),
    ...(extra == null ? {} : { extra: extra as Record<string, string[]> }),
  }
}

const HEAD = `{"apiVersion":"${API_VERSION}","kind":"AdmissionReview","response":{"uid":`

/**
 * The answer's body. `warnings` are those of the verdict after `fitWarnings`.
 * Written by hand round the patch: base64 needs no escaping, and to look through it again would cost as much as to make it.
 */
export const formatReview = (uid: string, verdict: Verdict, warnings: readonly string[]): string => {
  // Goes into the API server's audit log, under the name of the webhook entry.
  let text = `${HEAD}${JSON.stringify(uid)},"auditAnnotations":{"reason":${JSON.stringify(verdict.reason)}}`
  if (warnings.length > 0) text += `,"warnings":${JSON.stringify(warnings)}`
  if (verdict.verdict === 'deny') {
    // The reason is our own code, so that `Error from server (…)` in kubectl, and scripts, can tell refusals apart.
    return `${text},"allowed":false,"status":${JSON.stringify({ code: 403, message: verdict.detail, reason: verdict.reason })}}}`
  }
  if (verdict.patch !== undefined && verdict.patch.length > 0) {
    text += `,"patchType":"JSONPatch","patch":"${Buffer.from(JSON.stringify(verdict.patch)).toString('base64')}"`
  }
  return `${text},"allowed":true}}`
}
