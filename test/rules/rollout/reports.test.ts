/** What Pods told, counted. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Heard, PodFact } from '../../../src/rules/model.ts'
import { ENGINE_FAILURES } from '../../../src/rules/rollout/engine-failures.ts'
import { countReports, NOT_PUBLISHED, standing } from '../../../src/rules/rollout/reports.ts'
import { releaseFor } from '../../../src/rules/rollout/stage.ts'
import { podsOf, world } from './lab.ts'

const heard = (changes: Partial<Heard> = {}): Pick<Heard, 'generation' | 'wanted' | 'state' | 'reason'> => ({
  generation: 'old',
  wanted: 'new',
  state: 'waiting',
  reason: 'Active',
  ...changes,
})
const wanted = { generation: 'new' }

t.test('standing() tells how a Pod stands to what it should run', async (t) => {
  const cases: [string, Parameters<typeof standing>, ReturnType<typeof standing>][] = [
    ['silent', [undefined, wanted], { as: 'pending', reason: 'NotHeard' }],
    ['another engine', [heard(), undefined], { as: 'outdated', reason: 'OutdatedEngine' }],
    ['not published', [heard(), { generation: NOT_PUBLISHED }], { as: 'pending', reason: 'NotPublished' }],
    ['runs it', [heard({ generation: 'new', state: 'active' }), wanted], { as: 'active' }],
    [
      'runs it, and failed at something else',
      [heard({ generation: 'new', state: 'failed', wanted: 'x' }), wanted],
      { as: 'active' },
    ],
    ['on its way', [heard(), wanted], { as: 'pending', reason: 'NotYet' }],
    [
      'refuses it',
      [heard({ state: 'failed', reason: 'ConfigRefused' }), wanted],
      { as: 'failed', reason: 'ConfigRefused' },
    ],
    [
      'refused another',
      [heard({ state: 'failed', reason: 'ConfigRefused', wanted: 'x' }), wanted],
      { as: 'pending', reason: 'NotYet' },
    ],
    [
      'full volume',
      [heard({ state: 'failed', reason: 'CannotWrite' }), wanted],
      { as: 'pending', reason: 'CannotWrite' },
    ],
  ]
  for (const [name, args, is] of cases) t.same(standing(...args), is, name)
})

t.test(
  'countReports() counts by namespace, stage and rest apart, without Pods that go away, and takes no code that is none',
  async (t) => {
    const one = world()
    one.offer('4.25.0')
    one.settle()
    one.offer('4.25.1')
    one.settle()
    const pods = [...podsOf('shop', 100), ...podsOf('pay', 1)].map(
      ({ namespace, uid }, i): PodFact => ({
        namespace,
        name: `p${i}`,
        uid,
        labels: {},
        workload: 'w',
        image: 'i',
        mode: 'block',
        terminating: i === 0,
      }),
    )
    const stage = pods.filter((pod, i) => i > 0 && i < 100 && releaseFor(pod, one.state)?.slot === 'next').length
    t.ok(stage > 0)
    const [pay, shop] = countReports(
      {
        pods,
        heard: (pod) =>
          heard({ state: 'failed', reason: pod.namespace === 'pay' ? '__proto__' : 'ConfigRefused' }) as Heard,
        wanted: () => wanted,
      },
      one.state,
    )
    t.match(shop, {
      namespace: 'shop',
      stage: { pods: stage, failed: stage },
      rest: { pods: 99 - stage },
      reasons: { ConfigRefused: 99 },
    })
    t.match(pay, { namespace: 'pay', stage: { failed: 0 }, rest: { failed: 0 } })
    t.same(Object.keys(pay!.reasons), [])
  },
)

t.test('ENGINE_FAILURES are codes that a WAF gives', async (t) => {
  const codes = readFileSync(new URL('../../../waf/lib/reasons.tsv', import.meta.url), 'utf8')
    .split('\n')
    .map((line) => line.split('\t')[0])
  for (const code of ENGINE_FAILURES) t.ok(codes.includes(code), code)
})
