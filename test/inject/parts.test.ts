/** The small parts: quantities, equality, the comparison of sidecars, the patch writer. */
import tap from 'tap'
import { equal } from '../../src/inject/equal.ts'
import { applied, PatchWriter } from '../../src/inject/patch.ts'
import { quantityOf, sameQuantity } from '../../src/inject/quantity.ts'
import { differenceOf } from '../../src/inject/same.ts'

tap.test('quantityOf() reads quantities as Kubernetes writes them', async (t) => {
  const cases: [unknown, number | undefined][] = [
    ['100m', 0.1],
    ['1', 1],
    [1, 1],
    ['64Mi', 67_108_864],
    ['1.5Gi', 1_610_612_736],
    ['1e3', 1000],
    ['1E3', 1000],
    ['2E', 2e18],
    ['', undefined],
    ['x', undefined],
    ['1 Mi', undefined],
    [null, undefined],
  ]
  for (const [text, value] of cases) t.equal(quantityOf(text), value, JSON.stringify(text))
  t.ok(sameQuantity('0.5', '500m'))
  t.ok(sameQuantity('1024Mi', '1Gi'))
  t.notOk(sameQuantity('1M', '1Mi'))
  t.notOk(sameQuantity('x', 'x'))
})

tap.test('equal() compares JSON data, whatever the order of keys', async (t) => {
  t.ok(equal({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 }))
  for (const [a, b] of [
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { a: 1, b: 1 }],
    [
      [1, 2],
      [2, 1],
    ],
    [[], {}],
    [null, {}],
    [{ a: undefined }, { b: undefined }],
    [1, '1'],
  ])
    t.notOk(equal(a, b), JSON.stringify([a, b]))
})

const wanted = {
  image: 'x',
  imagePullPolicy: 'IfNotPresent',
  resources: { limits: { cpu: '1', memory: '1Gi' } },
  securityContext: { capabilities: { drop: ['ALL'] } },
  startupProbe: { httpGet: { port: 1 } },
}
const with_ = (more: object) => ({ ...structuredClone(wanted), ...more })

tap.test(
  'differenceOf() bears with what Kubernetes does to every container, and names the first thing it does not',
  async (t) => {
    const same = [
      with_({}),
      with_({ imagePullPolicy: 'Always' }),
      with_({ resources: { limits: { cpu: '1000m', memory: '1024Mi', 'ephemeral-storage': '1Gi' } } }),
    ]
    for (const it of same)
      for (const tolerance of ['strict', 'later-fields'] as const)
        t.equal(differenceOf(it, wanted, tolerance), undefined)
    const differs: [object, string][] = [
      [with_({ image: 'y' }), '.image'],
      [with_({ imagePullPolicy: 'Never' }), '.imagePullPolicy'],
      [with_({ resources: { limits: { cpu: '2', memory: '1Gi' } } }), '.resources.limits.cpu'],
      [with_({ resources: { ...wanted.resources, claims: [] } }), '.resources.claims'],
      [with_({ args: [] }), '.args'],
      [with_({ securityContext: { capabilities: { drop: ['ALL'], add: [] } } }), '.securityContext.capabilities.add'],
      [with_({ securityContext: { capabilities: { drop: ['ALL', 'X'] } } }), '.securityContext.capabilities.drop'],
      [with_({ securityContext: null }), '.securityContext'],
    ]
    for (const [it, path] of differs)
      for (const tolerance of ['strict', 'later-fields'] as const) t.equal(differenceOf(it, wanted, tolerance), path)
  },
)

tap.test('differenceOf() bears with fields of a later Kubernetes in the validating call only', async (t) => {
  const later = [
    with_({ futureField: true }),
    with_({ startupProbe: { httpGet: { port: 1, protocolOfTomorrow: 'HTTP1' } } }),
  ]
  for (const it of later) {
    t.equal(differenceOf(it, wanted, 'later-fields'), undefined)
    t.match(differenceOf(it, wanted, 'strict'), /future|Tomorrow/)
  }
})

tap.test('applied() applies on a copy of what it touches, and leaves document and operations alone', async (t) => {
  const document = { metadata: {}, spec: { containers: [{ name: 'a', env: [] }], other: {} } }
  const frozen = JSON.stringify(document)
  const patch = new PatchWriter()
  patch.add(['spec', 'volumes'], [])
  patch.add(['spec', 'volumes', '-'], { name: 'x' })
  patch.add(['spec', 'containers', 0], { name: 'first' })
  patch.replace(['spec', 'containers', 1, 'name'], 'b')
  patch.add(['metadata', 'annotations'], {})
  patch.add(['metadata', 'annotations', 'a/b~c'], 'y')
  const operations = JSON.stringify(patch.operations)
  const result = applied(document, patch.operations)
  t.same(result, {
    metadata: { annotations: { 'a/b~c': 'y' } },
    spec: { containers: [{ name: 'first' }, { name: 'b', env: [] }], other: {}, volumes: [{ name: 'x' }] },
  })
  t.equal(JSON.stringify(document), frozen)
  t.equal(JSON.stringify(patch.operations), operations)
  t.equal((result.spec as { other: object }).other, document.spec.other, 'what is not touched is not copied')
})

tap.test('applied() throws where an operation does not apply', async (t) => {
  t.throws(
    () => applied({}, [{ op: 'add', path: '/spec/volumes/-', value: 1 }]),
    /Cannot apply operation 0 \(add \/spec\/volumes\/-\): there is no spec/,
  )
  t.throws(() => applied({ a: [] }, [{ op: 'remove', path: '/a/0' }]))
  t.throws(() => applied({ a: [] }, [{ op: 'add', path: '/a/5', value: 1 }]))
  t.throws(() => applied({ a: {} }, [{ op: 'replace', path: '/a/x', value: 1 }]))
})
