/** Events: bounded in number and length, the same words once, and nothing unseen from others in them. */
import t from 'tap'
import type { ApiClient } from '../../../src/cluster/api-client.ts'
import { createEvents } from '../../../src/rules/publish/events.ts'
import { linesLog } from '../../cluster-cache/lab.ts'

function setUp(options: { mostPerNamespace?: number; most?: number } = {}) {
  let time = 0
  let dropped = 0
  const sent: { path: string; body: Record<string, string> }[] = []
  const client = {
    request: async (_method: string, path: string, { body }: { body: Record<string, string> }) => {
      sent.push({ path, body })
      return {}
    },
  } as unknown as ApiClient
  const events = createEvents({
    client,
    instance: 'a',
    signal: new AbortController().signal,
    now: () => time,
    log: linesLog().log,
    dropped: () => dropped++,
    ...options,
  })
  const regarding = (namespace: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', namespace, name: 'sekisho-rules' })
  return { events, sent, regarding, dropped: () => dropped, pass: (ms: number) => (time += ms) }
}

t.test('write() sends what kubectl shows, without what cannot be seen, and cut', (t) => {
  const { events, sent, regarding } = setUp()
  events.write('Refused', regarding('shop'), `rules.conf:2: \u001b[31m"@\u202edetectSQLI"\n${'x'.repeat(5000)}`)
  t.equal(sent[0]!.path, '/apis/events.k8s.io/v1/namespaces/shop/events')
  t.match(sent[0]!.body, { reason: 'Refused', type: 'Warning', reportingController: 'sekisho.dev/rules' })
  t.equal(sent[0]!.body['note']!.length, 1000)
  t.match(sent[0]!.body['note'], /^rules\.conf:2: {2}\[31m"@ detectSQLI" x+…$/)
  t.end()
})

t.test('write() says the same once in a while', (t) => {
  const { events, sent, regarding, pass } = setUp()
  for (let i = 0; i < 5; i++) events.write('Refused', regarding('shop'), 'why')
  events.write('Refused', regarding('lab'), 'why')
  t.equal(sent.length, 2)
  pass(11 * 60_000)
  events.write('Refused', regarding('shop'), 'why')
  t.equal(sent.length, 3)
  t.end()
})

t.test('write() lets one namespace not use up what all have', (t) => {
  const { events, sent, regarding, dropped, pass } = setUp({ mostPerNamespace: 3, most: 5 })
  for (let i = 0; i < 10; i++) events.write('Refused', regarding('noisy'), `why ${i}`)
  events.write('Refused', regarding('shop'), 'why')
  t.same(
    sent.map(({ path }) => path.split('/')[5]),
    ['noisy', 'noisy', 'noisy', 'shop'],
  )
  for (let i = 0; i < 10; i++) events.write('Refused', regarding(`team-${i}`), 'why')
  t.equal(sent.length, 5)
  t.equal(dropped(), 16)
  pass(60_000)
  events.write('Refused', regarding('noisy'), 'why 99')
  t.equal(sent.length, 6)
  t.end()
})
