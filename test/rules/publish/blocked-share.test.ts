/** Which requests count for a release, and which against. */
import t from 'tap'
import type { Heard, PodFact } from '../../../src/rules/model.ts'
import { blockedChanges, createBlockedShares } from '../../../src/rules/publish/blocked-share.ts'
import { releaseFor } from '../../../src/rules/rollout/stage.ts'
import { podsOf, world } from '../rollout/lab.ts'

function rolling() {
  const one = world()
  one.offer('4.25.0')
  one.settle()
  one.offer('4.25.1')
  one.settle()
  one.step(60)
  const pods = podsOf('shop', 40).map(
    ({ namespace, uid }, i): PodFact => ({
      namespace,
      name: `p${i}`,
      uid,
      labels: {},
      workload: 'Deployment/web',
      image: 'i',
      mode: 'block',
      terminating: false,
    }),
  )
  const polls = new Map<string, Pick<Heard, 'requests' | 'blocked' | 'generation' | 'at'>>()
  const shares = createBlockedShares()
  const staged = (pod: PodFact) => releaseFor(pod, one.state)?.slot === 'next'
  return {
    one,
    poll: (say: (staged: boolean) => readonly [requests: number, blocked: number, version?: string]) => {
      for (const pod of pods) {
        const [requests, blocked, version = staged(pod) ? '4.25.1' : '4.25.0'] = say(staged(pod))
        polls.set(pod.uid, { requests, blocked, generation: `crs-${version}-0123456789abcdef`, at: one.now })
      }
      return blockedChanges(shares, pods, (pod) => polls.get(pod.uid) as Heard, one.state)
    },
  }
}

t.test(
  'blockedChanges() compares what was counted since the stage began, over restarts of the containers',
  async (t) => {
    const { one, poll } = rolling()
    t.ok(one.state.next?.share === 25)
    t.same(
      poll((staged) => [100_000, staged ? 90_000 : 0]),
      [],
      'what was before does not count',
    )
    t.same(
      poll((staged) => [100_200, staged ? 90_002 : 2]),
      [],
    )
    t.match(
      poll((staged) => [300, staged ? 60 : 3]),
      [{ namespace: 'shop', workload: 'Deployment/web', detail: /block 12\.4 % \(\d+ of \d+\).*1 % \(/ }],
      'the containers began anew',
    )
  },
)

t.test('blockedChanges() begins anew with each stage', async (t) => {
  const { one, poll } = rolling()
  poll(() => [0, 0])
  t.equal(poll((staged) => [300, staged ? 60 : 3]).length, 1)
  one.state = { ...one.state, next: { ...one.state.next!, since: one.state.next!.since + 1 } }
  one.now += 1
  t.same(
    poll((staged) => [300, staged ? 60 : 3]),
    [],
  )
})

t.test('blockedChanges() counts for the release only what a Pod that runs it did', async (t) => {
  const { poll } = rolling()
  poll(() => [0, 0, '4.25.0'])
  t.same(
    poll((staged) => [300, staged ? 60 : 3, '4.25.0']),
    [],
    'they were told of it and do not run it yet',
  )
  t.same(
    poll((staged) => [300, staged ? 60 : 3]),
    [],
    'now they do, and count from here',
  )
  t.equal(poll((staged) => [900, staged ? 180 : 9]).length, 1)
})
