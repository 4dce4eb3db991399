/** A run that is killed anywhere and started again: the same end, and never a leaf that is not trusted. */
import t from 'tap'
import { ensure } from '../../certs-job/ensure.ts'
import { readBundle } from '../../certs-job/inspect.ts'
import type { Issuer } from '../../certs-job/issue.ts'
import type { Store } from '../../certs-job/store.ts'
import { Clock, config, DAY, installed, MemoryStore, readyMade, surroundings, watchTrust } from './support.ts'

const settings = config()
const around = (clock: Clock, issuer: Issuer) => ({ ...surroundings(clock), issuer })

/** Ends the run before or after its n-th write, as SIGKILL would. */
const killing = (store: Store, nth: number, when: 'before' | 'after'): Store => {
  let writes = 0
  const deadly = async (write: () => Promise<void>): Promise<void> => {
    writes += 1
    if (writes === nth && when === 'before') throw new Error('killed')
    await write()
    if (writes === nth) throw new Error('killed')
  }
  return {
    readSecret: (...args) => store.readSecret(...args),
    readConfiguration: (...args) => store.readConfiguration(...args),
    serverTime: () => store.serverTime(),
    writeSecret: (...args) => deadly(() => store.writeSecret(...args)),
    writeCaBundle: (...args) => deadly(() => store.writeCaBundle(...args)),
  }
}

t.test('ensure() killed at any step and run again ends the same, without a gap', async (t) => {
  for (const when of ['before', 'after'] as const)
    for (let nth = 1; nth <= 4; nth += 1) {
      const clock = new Clock()
      const issuer = readyMade()
      const store = new MemoryStore(clock)
      await installed(store, { caAge: 250 * DAY, leafAge: DAY })
      const seen = watchTrust(store)
      await t.rejects(ensure(killing(store, nth, when), settings, around(clock, issuer)), { message: 'killed' })
      clock.advance(600_000)
      const outcome = await ensure(store, settings, around(clock, issuer))
      const where = `killed ${when} write ${nth}`
      t.same(seen.gaps, [], `${where}: no gap`)
      t.equal(seen.switches, 1, `${where}: one switch of the leaf`)
      t.equal(outcome.previous.length, 1, `${where}: the old CA is still trusted`)
      t.ok(store.bundles().every((bundle) => readBundle(bundle).length === 2))
    }
})

t.test('ensure() killed while installing or dropping the old CA ends the same', async (t) => {
  for (const when of ['before', 'after'] as const)
    for (let nth = 1; nth <= 4; nth += 1) {
      const clock = new Clock()
      const issuer = readyMade()
      const store = new MemoryStore(clock)
      await t.rejects(ensure(killing(store, nth, when), settings, around(clock, issuer)), { message: 'killed' })
      const { ca } = await ensure(store, settings, around(clock, issuer))
      t.same(store.bundles(), Array(4).fill(ca!.pem), `install killed ${when} write ${nth}`)
    }
  for (const when of ['before', 'after'] as const)
    for (let nth = 1; nth <= 3; nth += 1) {
      const clock = new Clock()
      const issuer = readyMade()
      const store = new MemoryStore(clock)
      await installed(store, { caAge: 250 * DAY, leafAge: DAY })
      await ensure(store, settings, around(clock, issuer))
      clock.advance(2 * DAY)
      const seen = watchTrust(store)
      await t.rejects(ensure(killing(store, nth, when), settings, around(clock, issuer)), { message: 'killed' })
      const { ca } = await ensure(store, settings, around(clock, issuer))
      t.same(store.bundles(), Array(4).fill(ca!.pem), `drop killed ${when} write ${nth}`)
      t.same(seen.gaps, [])
    }
})
