/** What a team meets: its policy, its rules, its mode; from kubectl apply to what its Pods are told. One service for all of it. */
import t from 'tap'
import { until } from '../../cluster-cache/lab.ts'
import { inOwnNetwork } from '../../waf/own-network.ts'
import { realCrsArchive } from '../real-crs.ts'
import { runs, startStation } from './station.ts'
import type { Updater } from './updater.ts'

await inOwnNetwork(import.meta.filename)
const station = await startStation(t)
station.publish('4.25.0', await realCrsArchive('4.25.0'))
let service = await station.serve()
const port = () => service.port
const shop = await station.addPod('shop', 'shop-1', port, { labels: { app: 'shop' } })
const lab = await station.addPod('lab', 'lab-1', port)

const policy = (spec: object, name = 'web', namespace = 'shop') =>
  station.apply({ apiVersion: 'sekisho.dev/v1alpha1', kind: 'WafPolicy', metadata: { name, namespace }, spec })
const rules = (text: string, name = 'team', namespace = 'shop') =>
  station.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, labels: { 'sekisho.dev/rules': 'true' } },
    data: { 'rules.conf': text },
  })
const rule = (id: number, word: string) =>
  `SecRule ARGS "@contains ${word}" "id:${id},phase:2,deny,status:403,t:none,msg:'${word}'"\n`
const condition = async (type: string, name = 'web', namespace = 'shop') => {
  const { status, metadata } = await station.policy(namespace, name)
  const found = status?.conditions?.find((one) => one.type === type)
  return found && found.observedGeneration === metadata.generation ? found : undefined
}
const untilCondition = (type: string, status: string, reason: string) =>
  until(
    `${type} is ${status}, ${reason}`,
    () => condition(type),
    (one) => one?.status === status && one.reason === reason,
    40_000,
  )
const untilHolds = (updater: Updater, what: string, holds: () => boolean) =>
  until(
    what,
    async () => {
      await updater.step()
      return holds()
    },
    (held) => held,
    40_000,
  )
const has = (updater: Updater, text: string) => [...updater.state.files.values()].some((body) => body.includes(text))

t.test('namespaces without a policy run one content, each under a seal of its own', async (t) => {
  await Promise.all([runs(shop, '4.25.0'), runs(lab, '4.25.0')])
  t.not(shop.state.generation, lab.state.generation)
  t.same(shop.state.files.get('REQUEST-900-10-SETUP.conf'), lab.state.files.get('REQUEST-900-10-SETUP.conf'))
  const stolen = await shop.bundle(lab.state.generation)
  t.equal(stolen.status, 404, 'another namespace’s bundle')
})

t.test('a policy and its rules are published within seconds, and its status says so', async (t) => {
  await rules(rule(100001, 'zanzibar'))
  await policy({ mode: 'block', rules: { before: ['team'] } })
  const began = performance.now()
  await untilHolds(shop, 'shop has the rule', () => has(shop, 'zanzibar'))
  t.comment(`applied → enforced: ${Math.round(performance.now() - began)} ms`)
  await untilHolds(shop, 'enforced is shown', () => true)
  await untilCondition('Accepted', 'True', 'Accepted')
  await untilCondition('Enforced', 'True', 'Enforced')
  const { status } = await station.policy('shop', 'web')
  t.match(status, {
    rules: 'crs-4.25.0+1 custom',
    enforced: '1/1',
    mode: 'block',
    release: '4.25.0',
    generation: shop.state.generation,
  })
  t.notOk(has(lab, 'zanzibar'))
})

t.test('broken rules leave the last good ones, and the file and line are in status, Event and metric', async (t) => {
  const before = shop.state.generation
  await rules(`${rule(100001, 'zanzibar')}SecRule ARGS "@detectSQLI" "id:100002,phase:2,deny,t:none"\n`)
  const found = await untilCondition('Accepted', 'False', 'Refused')
  t.match(found?.message, /team\/rules\.conf:2: .*@?detectSQLI/)
  t.equal((await shop.step()).status, 304)
  t.equal(shop.state.generation, before)
  const events = await until(
    'the Event',
    () => station.events('shop'),
    (all) => all.some((one) => one.startsWith('Refused')),
  )
  t.match(
    events.find((one) => one.startsWith('Refused')),
    /rules\.conf:2/,
  )
  t.match(await service.metrics(), /sekisho_rules_refusals_total\{reason="UnknownOperator"\} 1/)
  await rules(rule(100001, 'samarkand'))
  await untilHolds(shop, 'the mended rules', () => has(shop, 'samarkand') && !has(shop, 'zanzibar'))
  await untilCondition('Accepted', 'True', 'Accepted')
})

t.test('a rule that blocks harmless requests is held by the bench, with the request in the message', async (t) => {
  const before = shop.state.generation
  await rules(`SecRule REQUEST_URI "@rx ^/.+" "id:100003,phase:1,deny,status:403,t:none"\n`)
  const found = await untilCondition('Accepted', 'False', 'Held')
  t.match(found?.message, /held back/)
  await shop.step()
  t.equal(shop.state.generation, before)
  await rules(rule(100001, 'samarkand'))
  await untilCondition('Accepted', 'True', 'Accepted')
  await shop.step()
  t.equal(shop.state.generation, before, 'what was there before needs no new seal')
})

t.test('mode and break-glass reach the Pod without a new bundle', async (t) => {
  const before = shop.state.generation
  const ordered = async (holds: (orders: Readonly<Record<string, string>>) => boolean) => {
    let last: Readonly<Record<string, string>> = {}
    await untilHolds(shop, 'the orders', () => true)
    await until(
      'the orders',
      async () => {
        const { orders } = await shop.step()
        if (Object.keys(orders).length > 0) last = orders
        return last
      },
      holds,
      20_000,
    )
    return last
  }
  await policy({ mode: 'detect', rules: { before: ['team'] } })
  const detect = await ordered(({ mode }) => mode === 'detect')
  const until1 = new Date(Date.now() + 3600_000).toISOString()
  await policy({
    mode: 'block',
    rules: { before: ['team'] },
    breakGlass: { until: until1, reason: 'shop is down', by: 'ann' },
  })
  const open = await ordered((orders) => orders['mode'] === 'block' && orders['break-glass'] !== '0')
  t.ok(Number(open['sequence']) > Number(detect['sequence']))
  await untilCondition('Enforced', 'False', 'BreakGlass')
  await policy({ mode: 'block', rules: { before: ['team'] } })
  await ordered((orders) => orders['mode'] === 'block' && orders['break-glass'] === '0')
  t.equal(shop.state.generation, before)
  const events = await until(
    'Events',
    () => station.events('shop'),
    (all) => all.some((one) => one.startsWith('BreakGlassClosed')),
  )
  t.match(events.join('\n'), /BreakGlassOpened: by ann until .*: shop is down/)
})

t.test('an exclusion that ends falls out by itself', async (t) => {
  const expires = new Date(Date.now() + 8_000).toISOString()
  const exclusions = [{ rule: 942100, path: '/notes', parameter: 'text', reason: 'notes about SQL', expires }]
  await policy({ mode: 'block', rules: { before: ['team'] }, exclusions })
  await untilHolds(shop, 'the exclusion', () => shop.state.files.has('REQUEST-900-20-EXCLUSIONS.conf'))
  await untilHolds(shop, 'its end', () => !shop.state.files.has('REQUEST-900-20-EXCLUSIONS.conf'))
  t.ok(Date.now() >= Date.parse(expires))
})

t.test('a Pod that comes to follow another policy gets that one’s rules, though they were sealed before', async (t) => {
  await policy({ selector: { matchLabels: { app: 'other' } }, rules: { before: [] } }, 'other')
  await until(
    'published',
    () => condition('Accepted', 'other'),
    (one) => one?.status === 'True',
  )
  await policy({ selector: { matchLabels: { app: 'shop' } }, mode: 'block', rules: { before: ['team'] } })
  await untilHolds(shop, 'still its own', () => has(shop, 'samarkand'))
  await rules(rule(100001, 'timbuktu'))
  await untilHolds(shop, 'newer than the other', () => has(shop, 'timbuktu'))
  await station.cluster.kubectlOk(['label', 'pod', 'shop-1', '-n', 'shop', 'app=other', '--overwrite'])
  await untilHolds(shop, 'the other policy’s', () => !has(shop, 'timbuktu'))
  await station.cluster.kubectlOk(['label', 'pod', 'shop-1', '-n', 'shop', 'app=shop', '--overwrite'])
  await untilHolds(shop, 'its own again', () => has(shop, 'timbuktu'))
  t.ok(shop.state.sequence <= Date.now() / 1000 + 60, 'sequences stay seconds')
})

t.test('a restart while the source is empty loses nothing and reloads nobody', async (t) => {
  const generations = [shop.state.generation, lab.state.generation]
  await service.stop('SIGKILL')
  station.empty()
  service = await station.serve()
  const fresh = await station.addPod('shop', 'shop-2', port, { labels: { app: 'shop' } })
  await runs(fresh, '4.25.0')
  t.ok(has(fresh, 'timbuktu'))
  await until(
    'another leader',
    () => service.metrics(),
    (text) => text.includes('sekisho_rules_leader 1'),
    40_000,
  )
  await until(
    'the fetch is refused',
    () => service.metrics(),
    (text) => /fetches_total\{status="refused",reason="PlaceEmpty"\} [1-9]/.test(text),
  )
  for (const updater of [shop, lab]) for (let i = 0; i < 3; i++) await updater.step()
  t.same([shop.state.generation, lab.state.generation], generations)
  const events = await until(
    'Event',
    () => station.events('sekisho-system'),
    (all) => all.some((one) => one.includes('PlaceEmpty')),
  )
  t.ok(events.length > 0)
  await until('the state says it', station.rollout, (state) => JSON.stringify(state?.['fetch']).includes('PlaceEmpty'))
  t.match(await station.rollout(), { current: { version: '4.25.0' } })
})
