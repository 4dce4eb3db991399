import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compiled, realRelease } from '../rules/compile/support.ts'
import { startLoad } from './load.ts'
import { inOwnNetwork } from './own-network.ts'
import { ask, startApp, startPod, until } from './pod.ts'
import { giveOrders, loadSet, newKey, type OrdersOptions, type SignedStatus, statusOf } from './signed-sets.ts'

await inOwnNetwork(import.meta.filename)
const ATTACK = '/?id=1%27%20UNION%20SELECT%20a,b%20FROM%20c--'
const [key, foreign] = [newKey(), newKey()] as const
const KEYS = { SEKISHO_RULES_KEYS: key.public }
const content = compiled({ release: await realRelease('4.25.0') })
const { server } = await startApp()
let pod = await startPod({ updater: false, env: KEYS })
t.teardown(async () => {
  server.closeAllConnections()
  server.close()
  await pod.stop()
})
let sequence = 1_795_600_000
const seconds = () => Math.floor(Date.now() / 1000)
const orders = (options: Partial<OrdersOptions> = {}, kick = true): string =>
  giveOrders(pod, { key, sequence: ++sequence, ...options }, kick)
const following = (id: string, more: (status: SignedStatus) => boolean = () => true) =>
  until(`orders ${id}; it says ${JSON.stringify(pod.status())}`, () => {
    const now = statusOf(pod)
    return now?.orders === id && more(now) && now
  })
const mode = (wanted: string) => (status: SignedStatus) => status.mode === wanted

t.test('orders change the mode of the baseline, before any signed rule set', async (t) => {
  const id = orders({ mode: 'detect' })
  t.match(await following(id, mode('detect')), { reason: 'WithoutBundle', state: 'active', sequence: 0 })
  t.equal((await ask(ATTACK)).status, 200)
})

t.test('orders change the mode live, with the same rules and no failed request', async (t) => {
  const { generation } = await loadSet(pod, content, { key, sequence: 7 })
  t.match(statusOf(pod), { mode: 'detect', generation })
  const end = startLoad()
  for (const wanted of ['block', 'detect', 'block']) {
    const id = orders({ mode: wanted })
    t.match(await following(id, mode(wanted)), { generation, wanted: generation, state: 'active', reason: 'Active' })
    t.equal((await ask(ATTACK)).status, wanted === 'block' ? 403 : 200)
  }
  const load = await end()
  t.comment(`${load.answered} answered`)
  t.strictSame(load.failed, [])
  t.ok(load.answered > 20)
})

t.test('own is what the Pod was injected with', async (t) => {
  await following(orders({ mode: 'detect' }), mode('detect'))
  await following(orders({ mode: 'own' }), mode('block'))
  t.equal((await ask(ATTACK)).status, 403)
})

t.test('a new rule set comes in the mode that is ordered', async (t) => {
  await following(orders({ mode: 'detect' }), mode('detect'))
  const other = compiled({ release: await realRelease('4.22.0') })
  t.match(await loadSet(pod, other, { key, sequence: 8 }), { state: 'active', mode: 'detect', crs: '4.22.0' })
  await following(orders({ mode: 'block' }), mode('block'))
})

t.test('a break-glass opens over block, shows until when, and ends by itself', async (t) => {
  const end = seconds() + 8
  const id = orders({ mode: 'block', breakGlass: end })
  t.match(await following(id, mode('detect')), { breakGlassUntil: end })
  t.equal((await ask(ATTACK)).status, 200)
  await until('the end of the break-glass', () => mode('block')(statusOf(pod)))
  t.ok(seconds() >= end, 'not before its time')
  t.match(statusOf(pod), { orders: id, state: 'active' })
  t.equal((await ask(ATTACK)).status, 403)
})

t.test('a break-glass that ends while its mode is tried opens nothing', async (t) => {
  const answers: [second: number, status: number | undefined][] = []
  let over = false
  const asking = (async () => {
    while (!over) answers.push([Date.now() / 1000, (await ask(ATTACK)).status])
  })()
  // A try takes longer than what is left of it: the second that runs.
  const end = seconds() + 1
  const id = orders({ mode: 'block', breakGlass: end })
  await following(id)
  await until('some seconds after its end', () => seconds() > end + 5 && mode('block')(statusOf(pod)))
  over = true
  await asking
  t.match(statusOf(pod), { mode: 'block', breakGlassUntil: end })
  t.ok(answers.filter(([second]) => second > end + 1).length > 3)
  // What opened before its end is closed by the next try; nothing opens after it.
  const opened = answers.find(([, status]) => status !== 403)
  t.ok(opened === undefined || opened[0] <= end + 1, `opened at ${opened?.[0]}, its end was ${end}`)
  t.equal((await ask(ATTACK)).status, 403)
})

t.test('a break-glass that is over opens nothing', async (t) => {
  const id = orders({ mode: 'block', breakGlass: seconds() - 1 })
  t.match(await following(id), { mode: 'block' })
  t.equal((await ask(ATTACK)).status, 403)
})

t.test(
  'a restart keeps orders and break-glass, which then ends by itself, without the files of the updater',
  async (t) => {
    const end = seconds() + 10
    const id = orders({ mode: 'block', breakGlass: end })
    await following(id, mode('detect'))
    rmSync(join(pod.run, 'orders'))
    rmSync(join(pod.run, 'orders.sig'))
    await pod.restartWaf({ hard: true })
    await until('readiness', pod.ready)
    t.match(statusOf(pod), { orders: id, breakGlassUntil: end })
    await until('the end of the break-glass', () => mode('block')(statusOf(pod)))
    t.ok(seconds() >= end)
    const detect = orders({ mode: 'detect' })
    await following(detect, mode('detect'))
    await pod.restartWaf()
    await until('readiness', pod.ready)
    t.match(statusOf(pod), { orders: detect, mode: 'detect' })
  },
)

t.test('orders placed while the WAF was down are followed at its start', async (t) => {
  const id = orders({ mode: 'block' }, false)
  await pod.restartWaf({ hard: true })
  t.match(await following(id, mode('block')), { state: 'active' })
  t.ok(await until('readiness', pod.ready))
  t.equal((await ask(ATTACK)).status, 403)
})

const detect = { mode: 'detect' }
const refused: [string, string, () => void][] = [
  ['that another key signed', 'BadSignature', () => orders({ ...detect, key: foreign })],
  ['without a signature', 'BadSignature', () => orders({ ...detect, signature: () => undefined })],
  [
    'with a signature of 63 bytes',
    'BadSignature',
    () => orders({ ...detect, signature: (right) => right.subarray(1) }),
  ],
  ['for another namespace', 'WrongNamespace', () => orders({ ...detect, namespace: 'shop2' })],
  ['with a lower sequence', 'LowerSequence', () => orders({ ...detect, sequence: sequence - 1 })],
  ['with the same sequence and another text', 'LowerSequence', () => orders({ ...detect, sequence: sequence })],
  ['of a mode that is none', 'OrdersInvalid', () => orders({ mode: 'off' })],
  ['with a line too many', 'OrdersInvalid', () => orders({ ...detect, text: (text) => `${text}\n` })],
  [
    'with a line too few',
    'OrdersInvalid',
    () => orders({ ...detect, text: (text) => text.replace(/^break-glass.*\n/m, '') }),
  ],
  ['without its last line’s end', 'OrdersInvalid', () => orders({ ...detect, text: (text) => text.slice(0, -1) })],
  ['of a length without end', 'OrdersInvalid', () => orders({ ...detect, text: (text) => text + 'x'.repeat(4096) })],
  [
    'with a break-glass of words',
    'OrdersInvalid',
    () => orders({ ...detect, text: (text) => text.replace('glass 0', 'glass $(id)') }),
  ],
  [
    'of another version',
    'OrdersInvalid',
    () => orders({ ...detect, text: (text) => text.replace('orders 1', 'orders 2') }),
  ],
]
for (const [what, reason, give] of refused)
  t.test(`sekisho-waf refuses orders ${what} with ${reason}, and those before hold`, async (t) => {
    const before = statusOf(pod).orders
    const last = sequence
    give()
    sequence = last
    await until('the refusal', () => statusOf(pod)?.ordersRefused.startsWith(reason))
    t.match(statusOf(pod), { orders: before, mode: 'block', state: 'active' })
    t.equal((await ask(ATTACK)).status, 403)
    const id = orders({ mode: 'block' })
    t.match(await following(id), { ordersRefused: '' })
  })

t.test('orders that held before are not taken again, nor after a restart', async (t) => {
  const old = { text: readFileSync(join(pod.run, 'orders')), signature: readFileSync(join(pod.run, 'orders.sig')) }
  const id = orders({ mode: 'detect' })
  await following(id, mode('detect'))
  giveOrders(pod, { key, sequence: 1, text: () => String(old.text), signature: () => old.signature })
  await until('the refusal', () => statusOf(pod)?.ordersRefused.startsWith('LowerSequence'))
  t.match(statusOf(pod), { orders: id, mode: 'detect' })
  await pod.restartWaf({ hard: true })
  await until('readiness', pod.ready)
  t.match(statusOf(pod), { orders: id, mode: 'detect' })
  t.match(statusOf(pod).ordersRefused, /^LowerSequence/)
})

t.test('a full volume: orders that cannot be remembered are not followed, and are once there is room', async (t) => {
  await pod.stop()
  pod = await startPod({ updater: false, env: KEYS, runBytes: 12 << 20 })
  const { generation } = await loadSet(pod, content, { key, sequence: 9 })
  const first = orders({ mode: 'block' })
  await following(first)
  const next = orders({ mode: 'detect' }, false)
  execFileSync('sh', ['-c', `cat /dev/zero > ${pod.run}/full 2> /dev/null || true`])
  pod.kick(':orders')
  await until('the refusal', () => pod.waf.stderr().includes('"reason":"CannotWrite"'))
  t.ok(await pod.ready())
  t.equal((await ask(ATTACK)).status, 403)
  rmSync(join(pod.run, 'full'))
  pod.kick(':orders')
  t.match(await following(next, mode('detect')), { generation })
})

t.test('without keys no orders are followed', async (t) => {
  await pod.stop()
  pod = await startPod({ updater: false })
  orders({ mode: 'detect' })
  await until('the refusal', () => statusOf(pod)?.ordersRefused.startsWith('NoKeys'))
  t.match(statusOf(pod), { mode: 'block', orders: '' })
})

t.test('baseline-detect stays that until a rule set is placed, whatever is ordered', async (t) => {
  await pod.stop()
  pod = await startPod({ updater: false, env: { ...KEYS, SEKISHO_WITHOUT_BUNDLE: 'baseline-detect' } })
  const id = orders({ mode: 'block' })
  t.match(await following(id), { mode: 'detect', reason: 'WithoutBundle' })
  t.match(await loadSet(pod, content, { key, sequence: 10 }), { mode: 'block', state: 'active' })
})
