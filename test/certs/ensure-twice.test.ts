/** Two runs at once, as when the CronJob starts beside the install's Job: who loses a race looks again, and undoes nothing. */
import t from 'tap'
import { ensure } from '../../certs-job/ensure.ts'
import type { Store } from '../../certs-job/store.ts'
import { Clock, config, DAY, installed, MemoryStore, readyMade, surroundings, watchTrust } from './support.ts'

const settings = config()

for (const what of ['an install', 'a rotation'] as const)
  t.test(`ensure() run twice at once agrees on one CA and one leaf in ${what}`, async (t) => {
    const clock = new Clock()
    const store = new MemoryStore(clock)
    if (what === 'a rotation') await installed(store, { caAge: 250 * DAY, leafAge: DAY })
    const seen = watchTrust(store)
    const lines: string[] = []
    const around = surroundings(clock, (line) => lines.push(line))
    const [one, two] = await Promise.all([ensure(store, settings, around), ensure(store, settings, around)])
    t.equal(one.ca!.fingerprint, two.ca!.fingerprint)
    t.equal(one.leaf!.fingerprint, two.leaf!.fingerprint)
    t.equal(seen.switches, 1, 'one leaf was written')
    t.ok(
      lines.some((line) => line.startsWith('somebody else wrote first')),
      'they really met',
    )
    if (what === 'a rotation') t.same(seen.gaps, [])
  })

/** A store whose n-th read takes so long that `meanwhile` happens. */
const pausing = (store: Store, nth: number, meanwhile: () => Promise<unknown>): Store => {
  let reads = 0
  const slow = async <T>(read: () => Promise<T>): Promise<T> => {
    reads += 1
    const got = await read()
    if (reads === nth) await meanwhile()
    return got
  }
  return {
    readSecret: (...args) => slow(() => store.readSecret(...args)),
    readConfigMap: (...args) => slow(() => store.readConfigMap(...args)),
    writeConfigMap: (...args) => store.writeConfigMap(...args),
    readConfiguration: (...args) => slow(() => store.readConfiguration(...args)),
    writeSecret: (...args) => store.writeSecret(...args),
    writeCaBundle: (...args) => store.writeCaBundle(...args),
    serverTime: () => store.serverTime(),
  }
}

t.test('ensure() held up at any read while another run rotates undoes nothing of it', async (t) => {
  for (let nth = 1; nth <= 14; nth += 1) {
    const clock = new Clock()
    const around = { ...surroundings(clock), issuer: readyMade() }
    const store = new MemoryStore(clock)
    await installed(store, { caAge: DAY, leafAge: DAY })
    let seen = { gaps: [] as string[], switches: 0, rulesSwitches: 0 }
    const other = async () => {
      // Somebody wants a new CA at once, which the slow run cannot know.
      store.setSecret('sekisho-ca', {})
      await ensure(store, settings, around)
      seen = watchTrust(store)
    }
    // Drifted, so that the slow run has something to publish besides.
    store.resetBundles('ValidatingWebhookConfiguration')
    await ensure(pausing(store, nth, other), settings, around)
    t.same(seen, { gaps: [], switches: 0, rulesSwitches: 0 }, `held up at read ${nth}`)
  }
})
