/** A run that is killed anywhere and started again: the same end, and never a leaf that is not trusted. */
import t from 'tap'
import { ensure } from '../../certs-job/ensure.ts'
import { readBundle } from '../../certs-job/inspect.ts'
import { type Issuer, issueLeaf } from '../../certs-job/issue.ts'
import type { Store } from '../../certs-job/store.ts'
import { Clock, config, DAY, installed, MemoryStore, readyMade, surroundings, watchTrust } from './support.ts'

const settings = config()
const WEEK = 7 * DAY
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
    readConfigMap: (...args) => store.readConfigMap(...args),
    writeConfigMap: (...args) => deadly(() => store.writeConfigMap(...args)),
    readConfiguration: (...args) => store.readConfiguration(...args),
    serverTime: () => store.serverTime(),
    writeSecret: (...args) => deadly(() => store.writeSecret(...args)),
    writeCaBundle: (...args) => deadly(() => store.writeCaBundle(...args)),
  }
}

t.test('ensure() killed at any step and run again ends the same, without a gap', async (t) => {
  for (const when of ['before', 'after'] as const)
    for (let nth = 1; nth <= 6; nth += 1) {
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
    for (let nth = 1; nth <= 7; nth += 1) {
      const clock = new Clock()
      const issuer = readyMade()
      const store = new MemoryStore(clock)
      await t.rejects(ensure(killing(store, nth, when), settings, around(clock, issuer)), { message: 'killed' })
      const { ca } = await ensure(store, settings, around(clock, issuer))
      t.same(store.bundles(), Array(4).fill(ca!.pem), `install killed ${when} write ${nth}`)
    }
  for (const when of ['before', 'after'] as const)
    for (let nth = 1; nth <= 6; nth += 1) {
      const clock = new Clock()
      const issuer = readyMade()
      const store = new MemoryStore(clock)
      await installed(store, { caAge: 250 * DAY, leafAge: DAY })
      await ensure(store, settings, around(clock, issuer))
      const seen = watchTrust(store)
      // The leaf of sekisho rules is switched a week after the CA was made, and the old CA dropped a day later.
      clock.advance(WEEK)
      const late = {
        ...issuer,
        issueLeaf: (...[ca, names, life]: Parameters<Issuer['issueLeaf']>) => issueLeaf(ca, names, life),
      }
      const run = async () => {
        await ensure(killed, settings, around(clock, late))
        clock.advance(2 * DAY)
        await ensure(killed, settings, around(clock, late))
      }
      const killed = killing(store, nth, when)
      await t.rejects(run(), { message: 'killed' })
      await ensure(store, settings, around(clock, late))
      clock.advance(2 * DAY)
      const { ca } = await ensure(store, settings, around(clock, issuer))
      t.same(store.bundles(), Array(4).fill(ca!.pem), `drop killed ${when} write ${nth}`)
      t.same(seen.gaps, [])
    }
})
