/** Which policy a Pod follows, and who is told of a conflict. */
import t from 'tap'
import type { WafPolicySpec } from '../../../src/api/waf-policy.ts'
import { resolve } from '../../../src/rules/policy/follow.ts'

const policy = (name: string, created: number, selector?: WafPolicySpec['selector'], namespace = 'shop') => ({
  namespace,
  name,
  created,
  spec: selector === undefined ? {} : { selector },
})
const pod = (uid: string, labels: Record<string, string>, namespace = 'shop') => ({ namespace, uid, labels })
const WEB = { matchLabels: { app: 'web' } }

t.test('resolve() lets a Pod without a policy follow none', async (t) => {
  const { followed, conflicts } = resolve(
    [policy('a', 1, WEB), policy('b', 1, undefined, 'bank')],
    [pod('1', { app: 'db' })],
  )
  t.strictSame([...followed], [['1', '']])
  t.strictSame([...conflicts], [])
})

t.test('resolve() gives a Pod to the older of two policies, and tells the younger', async (t) => {
  const pods = [pod('1', { app: 'web' }), pod('2', { app: 'web' }), pod('3', { app: 'api' })]
  const { followed, conflicts } = resolve([policy('all', 2), policy('web', 1, WEB)], pods)
  t.strictSame(
    [...followed],
    [
      ['1', 'web'],
      ['2', 'web'],
      ['3', 'all'],
    ],
  )
  t.strictSame([...conflicts], [['shop/all', [{ policy: 'web', pods: 2 }]]])
})

t.test('resolve() goes by name where two are equally old', async (t) => {
  const pods = [pod('1', { app: 'web' })]
  for (const order of [
    ['b', 'a'],
    ['a', 'b'],
  ]) {
    const { followed, conflicts } = resolve(
      order.map((name) => policy(name, 5)),
      pods,
    )
    t.equal(followed.get('1'), 'a')
    t.strictSame([...conflicts.keys()], ['shop/b'])
  }
})

t.test('resolve() names every older policy to a third, and no namespace meets another', async (t) => {
  const pods = [pod('1', { app: 'web' }), pod('2', { app: 'api' }), pod('3', { app: 'web' }, 'bank')]
  const policies = [
    policy('z-web', 1, WEB),
    policy('api', 2, { matchExpressions: [{ key: 'app', operator: 'In', values: ['api'] }] }),
    policy('all', 3),
    policy('bank', 9, undefined, 'bank'),
  ]
  const { followed, conflicts } = resolve(policies, pods)
  t.strictSame([...followed.values()], ['z-web', 'api', 'bank'])
  t.strictSame(conflicts.get('shop/all'), [
    { policy: 'api', pods: 1 },
    { policy: 'z-web', pods: 1 },
  ])
  t.equal(conflicts.size, 1)
})
