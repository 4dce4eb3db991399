import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { inOwnNetwork } from './own-network.ts'
import { until } from './pod.ts'
import { bundleOf, startUpdateService } from './update-service.ts'
import { startUpdater } from './updater.ts'

await inOwnNetwork(import.meta.filename)
const service = await startUpdateService()
/** As many files as a release has, so that unpacking takes its time. */
const files = (round: number): Map<string, Buffer> =>
  new Map([
    ...Array.from({ length: 60 }, (_, i): [string, Buffer] => [
      `REQUEST-9${String(i).padStart(2, '0')}-X.conf`,
      Buffer.from(`# ${round} ${i}\n`.repeat(2000)),
    ]),
    ['manifest', Buffer.from(`sekisho-manifest 2\n${round}\n`)],
  ])
const published = new Map<string, Map<string, Buffer>>()
const publish = async (round: number) => {
  const content = files(round)
  const bundle = await bundleOf(content)
  published.set(bundle.generation, content)
  service.publish(bundle)
  service.order({ mode: round % 2 ? 'block' : 'detect', sequence: round + 1 })
  return bundle.generation
}
await publish(0)
const updater = await startUpdater(service)
t.teardown(async () => {
  await updater.stop()
  await service.stop()
})

/** What is not as it was published, of everything that a WAF could be asked for. */
const broken = (): string[] =>
  updater
    .sets()
    .filter((name) => published.has(name))
    .flatMap((name) => {
      const content = published.get(name)!
      const there = updater.files(name)
      if (there.join() !== [...content.keys()].sort().join()) return [`${name} has ${there.length} files`]
      return there.filter((file) => !readFileSync(join(updater.run, 'rulesets', name, file)).equals(content.get(file)!))
    })
const asked: string[] = []
updater.waf.answer = (line) => {
  if (line !== ':orders' && broken().length > 0) asked.push(line)
  updater.serveAll(line)
}

const ROUNDS = 48
t.test(`sekisho-rules killed at ${ROUNDS} moments between a poll and the kick asks for no half set`, async (t) => {
  let placed = 0
  for (let round = 1; round <= ROUNDS; round++) {
    // As in a new Pod, which polls at once, but with what the killed one left.
    for (const name of ['wanted', 'last-good', 'active', 'status.json'])
      rmSync(join(updater.run, name), { force: true })
    const generation = await publish(round)
    const seen = service.polls.length
    const path = round % 2 ? /current$/ : /bundles/
    await updater.restart()
    await until('the request', () => service.polls.slice(seen).some((poll) => path.test(poll.path)))
    // From the arrival of the request to after the kick, in small steps.
    await sleep(round * 3)
    process.kill(updater.container.pid, 'SIGKILL')
    await updater.container.exited
    t.strictSame(broken(), [])
    const wanted = updater.wanted()
    if (wanted !== '') t.ok(updater.sets().includes(wanted), 'what is wanted is there')
    if (wanted === generation) placed++
  }
  t.comment(`${placed} of ${ROUNDS} were killed after the set was placed`)
  t.ok(placed > 0 && placed < ROUNDS, 'the moments lie before and after it')
  t.strictSame(asked, [])
})

t.test('sekisho-rules goes on after all of them, and leaves nothing behind', async (t) => {
  await updater.restart()
  const last = service.wanted!.generation
  await until(
    'the last one',
    () =>
      service.current().at(-1)!.headers['if-none-match']!.startsWith(`"${last}/`) &&
      service.current().at(-1)!.status === 304,
  )
  t.equal(updater.wanted(), last)
  t.match(updater.read('orders'), new RegExp(`sequence ${ROUNDS + 1}\n`))
  t.strictSame(updater.left(), [])
  t.ok(updater.sets().length <= 4)
  t.notOk(updater.sets().some((name) => name.startsWith('.')))
})
