/** A lost state is no first installation. */
import t from 'tap'
import { createRolloutStore } from '../../../src/rules/publish/rollout-store.ts'
import { decideRollout } from '../../../src/rules/rollout/decide.ts'
import { recoverRollout } from '../../../src/rules/rollout/recover.ts'
import { EMPTY_ROLLOUT, parseRollout } from '../../../src/rules/rollout/state.ts'
import { emptyNamespace, type NamespaceState } from '../../../src/rules/rollout/target-state.ts'
import { factsOf, passed, release, report, START, settingsOf } from './lab.ts'

const ran = (namespace: string, version: string, slot: 'current' | 'next' = 'current'): NamespaceState => ({
  ...emptyNamespace(namespace),
  targets: [
    {
      policy: '',
      published: [
        {
          namespace,
          policy: '',
          slot,
          address: 'a',
          release: release(version),
          sequence: 1,
          rollback: false,
          at: 1,
          engines: [],
        },
      ],
    },
  ],
})
const published = [
  ran('a', '4.25.0'),
  ran('b', '4.24.0'),
  ran('c', '4.25.0'),
  ran('d', '4.25.1', 'next'),
  ran('e', '4.25.1', 'next'),
]

t.test(
  'recoverRollout() takes what most namespaces were published with for current, so that a newer one goes in stages',
  async (t) => {
    const state = recoverRollout(published, START)
    t.match(state, { current: release('4.25.0'), next: null, sealAfter: START })
    const newer = release('4.25.1')
    const facts = factsOf({
      verified: [{ release: newer, rules: 400 }],
      trials: [passed(newer)],
      reports: [report('a', {}, { pods: 9, active: 9 })],
    })
    t.match(decideRollout(state, {}, settingsOf(), facts, START + 1).state.next, { release: newer, share: 5 })
    t.equal(recoverRollout([], START), EMPTY_ROLLOUT)
  },
)

t.test(
  'createRolloutStore() begins with what is recovered where the state is gone or damaged, and writes it',
  async (t) => {
    for (const text of [undefined, '{"form":1,"cur']) {
      let stored = text
      const kept = {
        get: () => (stored === undefined ? undefined : { name: '', data: { state: stored } }),
        write: async (
          _: string,
          change: (
            now: { data: Record<string, string> } | undefined,
          ) => { data?: Record<string, string> } | null | undefined,
        ) => {
          stored = change(stored === undefined ? undefined : { data: { state: stored } })?.data?.['state'] ?? stored
        },
      }
      const store = createRolloutStore(kept as unknown as Parameters<typeof createRolloutStore>[0], () =>
        recoverRollout(published, START),
      )
      await store.update((state) => ({ ...state, progress: undefined as never }))
      t.match(parseRollout(stored), { status: 'read', state: { current: release('4.25.0') } }, String(text))
    }
  },
)
