/** parseReview and formatReview: what the API server sends and takes. */
import t from 'tap'
import { AdmissionError } from '../../src/admission/errors.ts'
import { formatReview, parseReview } from '../../src/admission/protocol.ts'
import { allow, deny } from '../../src/api/verdict.ts'
import { POD, review } from './support.ts'

t.test('parseReview() reads what the API server sends', async (t) => {
  const read = parseReview(review({ dryRun: true, subResource: 'resize', name: 'web-1' }))
  t.match(read, {
    uid: /^b1a3/,
    namespace: 'shop',
    name: 'web-1',
    subResource: 'resize',
    operation: 'CREATE',
    dryRun: true,
    oldObject: null,
    userInfo: { username: 'alice', groups: ['system:authenticated'] },
  })
  t.same(read.object, POD, 'the object is handed on as it came')
})

t.test('parseReview() keeps unknown fields of the object', async (t) => {
  const object = { ...POD, spec: { ...POD.spec, brandNew: { of: ['next', 'year'] } } }
  t.same(parseReview(review({ object })).object, object)
})

const request = (change: Record<string, unknown>) => review(change)
const malformed: [what: string, body: unknown, code: string, says: RegExp][] = [
  ['null', null, 'BadReview', /'the body' must be an AdmissionReview: current value is null/],
  ['a list', [], 'BadReview', /current value is a list/],
  [
    'another kind',
    { ...review(), kind: 'Pod' },
    'BadReview',
    /'kind' must be "AdmissionReview": current value is "Pod"/,
  ],
  [
    'v1beta1',
    { ...review(), apiVersion: 'admission.k8s.io/v1beta1' },
    'UnsupportedVersion',
    /must be "admission.k8s.io\/v1": current value is "admission.k8s.io\/v1beta1"/,
  ],
  ['no version', { ...review(), apiVersion: undefined }, 'UnsupportedVersion', /current value is nothing/],
  [
    'no request',
    { ...review(), request: undefined },
    'BadReview',
    /'review.request' must be an object: current value is nothing/,
  ],
  ['an empty uid', request({ uid: '' }), 'BadReview', /request.uid/],
  ['a huge uid', request({ uid: 'x'.repeat(1e6) }), 'BadReview', /request.uid.*x{70,80}…/],
  ['a uid that is a number', request({ uid: 5 }), 'BadReview', /'request.uid' must be a string: current value is 5/],
  ['a kind without a name', request({ kind: { group: '', version: 'v1' } }), 'BadReview', /request.kind.kind/],
  [
    'a resource that is a string',
    request({ resource: 'pods' }),
    'BadReview',
    /'request.resource' must be an object: current value is "pods"/,
  ],
  [
    'an unknown operation',
    request({ operation: 'PATCH' }),
    'BadReview',
    /CREATE, UPDATE, DELETE or CONNECT: current value is "PATCH"/,
  ],
  ['dryRun as a string', request({ dryRun: 'true' }), 'BadReview', /'request.dryRun' must be true or false/],
  ['no user', request({ userInfo: undefined }), 'BadReview', /request.userInfo/],
  ['groups that are no strings', request({ userInfo: { username: 'a', groups: [1] } }), 'BadReview', /groups/],
  ['extra that is no lists', request({ userInfo: { username: 'a', extra: { k: 'v' } } }), 'BadReview', /extra/],
  [
    'CREATE without an object',
    request({ object: null }),
    'BadReview',
    /'request.object' must be an object: current value is null/,
  ],
  ['UPDATE without an old object', request({ operation: 'UPDATE' }), 'BadReview', /request.oldObject/],
  ['an object that is a list', request({ object: [] }), 'BadObject', /object must be an object/],
  [
    'labels that are a list',
    request({ object: { ...POD, metadata: { labels: ['a'] } } }),
    'BadObject',
    /Pod: object.metadata.labels must be an object/,
  ],
  [
    'a label that is a number',
    request({ object: { ...POD, metadata: { labels: { a: 1 } } } }),
    'BadObject',
    /object.metadata.labels\["a"\] must be a string/,
  ],
  [
    'containers that are a map',
    request({ object: { ...POD, spec: { containers: {} } } }),
    'BadObject',
    /object.spec.containers must be a list/,
  ],
  [
    'a container that is null',
    request({ object: { ...POD, spec: { containers: [null] } } }),
    'BadObject',
    /object.spec.containers\[0\] must not be null/,
  ],
  [
    'a container without a name',
    request({ object: { ...POD, spec: { containers: [{}] } } }),
    'BadObject',
    /object.spec.containers\[0\].name must be given/,
  ],
  [
    'a port that is a string',
    request({ object: { ...POD, spec: { containers: [{ name: 'a', ports: [{ containerPort: '80' }] }] } } }),
    'BadObject',
    /ports\[0\].containerPort must be a number/,
  ],
  [
    'an old object of the wrong shape',
    request({ operation: 'UPDATE', oldObject: { metadata: 'x' } }),
    'BadObject',
    /oldObject.metadata must be an object/,
  ],
  [
    'a template of the wrong shape',
    request({
      kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
      object: { spec: { template: { spec: { volumes: 'x' } } } },
    }),
    'BadObject',
    /Deployment: object.spec.template.spec.volumes must be a list/,
  ],
]
for (const [what, body, code, says] of malformed) {
  t.test(`parseReview() refuses ${what} and says so`, async (t) => {
    try {
      parseReview(body)
      t.fail('it was taken')
    } catch (error) {
      t.ok(error instanceof AdmissionError, String(error))
      t.equal((error as AdmissionError).code, code)
      t.match((error as AdmissionError).message, says)
      t.ok((error as AdmissionError).status >= 400 && (error as AdmissionError).status < 500)
    }
  })
}

t.test('parseReview() takes null where Go writes null for absent', async (t) => {
  const object = {
    metadata: { labels: null, annotations: null },
    spec: { containers: [{ name: 'a', ports: null }], volumes: null },
  }
  t.same(
    parseReview(review({ object, name: null, userInfo: { username: 'a', groups: null, extra: null } })).object,
    object,
  )
})

t.test('parseReview() lets a label be called constructor', async (t) => {
  const object = { ...POD, metadata: { labels: { constructor: 'x', toString: 'y' } } }
  t.same(parseReview(review({ object })).object, object)
})

t.test('formatReview() writes a denial as status, not result', async (t) => {
  t.same(JSON.parse(formatReview('u', deny('PortAmbiguous', 'Say which.'), ['w'])), {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid: 'u',
      allowed: false,
      status: { code: 403, message: 'Say which.', reason: 'PortAmbiguous' },
      warnings: ['w'],
      auditAnnotations: { reason: 'PortAmbiguous' },
    },
  })
})

t.test('formatReview() writes a patch in base64 with its type', async (t) => {
  const patch = [{ op: 'add', path: '/metadata/labels', value: { ü: '関所' } }] as const
  const { response } = JSON.parse(formatReview('u', { ...allow('Injected', 'x'), patch }, []))
  t.equal(response.patchType, 'JSONPatch')
  t.same(JSON.parse(Buffer.from(response.patch, 'base64').toString()), patch)
})

t.test('formatReview() leaves out patch, type and warnings where there are none', async (t) => {
  // The API server refuses a patchType without a patch.
  const { response } = JSON.parse(formatReview('u', { ...allow('Fine', 'x'), patch: [] }, []))
  t.same(response, { uid: 'u', allowed: true, auditAnnotations: { reason: 'Fine' } })
})
