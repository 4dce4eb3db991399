/** The real rule-updater and the real WAF against the real update server: one protocol, spoken by both ends. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import t from 'tap'
import { pollSettings } from '../../../src/config/rules.ts'
import type { SealedOrders } from '../../../src/rules/model.ts'
import { createUpdateServer } from '../../../src/rules/serve/server.ts'
import { logOf, makeCa, makeLeaf, placePair, temporaryDirectory } from '../../admission/support.ts'
import { inOwnNetwork } from '../../waf/own-network.ts'
import { ask, startApp, startPod, until } from '../../waf/pod.ts'
import { sealedBundle, type UpdateService } from '../../waf/update-service.ts'
import { compiled, hash, key, realRelease } from '../compile/support.ts'
import { claimsOf, jwksOf, shelfOf, sign, signingKey } from './support.ts'

await inOwnNetwork(import.meta.filename)
const NAME = 'sekisho-rules.sekisho-system.svc'
// As startPod names it.
const POD = { namespace: 'shop', name: 'shop-1', uid: '0bf995de-d233-4c3a' }

const release = await realRelease('4.25.0')
const closing = (page: string) =>
  compiled({
    release,
    before: [
      {
        name: 'rules.conf',
        text: `SecRule REQUEST_FILENAME "@beginsWith ${page}" "id:100001,phase:1,deny,status:403"\n`,
      },
    ],
  })

let sequence = 1_795_600_000
const ordersOf = (mode: 'block' | 'detect' | 'own'): SealedOrders => {
  const text = `sekisho-orders 1\nnamespace shop\nsequence ${++sequence}\nmode ${mode}\nbreak-glass 0\n`
  const bytes = Buffer.from(text)
  return {
    namespace: 'shop',
    sequence,
    mode,
    breakGlassUntil: 0,
    text,
    id: hash(bytes).slice(0, 16),
    signature: key.sign(bytes),
  }
}
const shelf = shelfOf(POD)
const publish = async (page: string, mode: 'block' | 'detect' | 'own') => {
  const { generation, packed, sha256, bytes } = await sealedBundle(closing(page), { sequence: ++sequence })
  shelf.bundles.set(`shop/${generation}`, packed)
  shelf.wants.set('shop', { generation, address: sha256, sequence, sha256, bytes, orders: ordersOf(mode) })
  return generation
}

const cluster = await signingKey('one')
const [ca, directory, tokens] = [await makeCa(), temporaryDirectory(t), temporaryDirectory(t)]
placePair(directory, await makeLeaf(ca, { names: [NAME] }))
chmodSync(tokens, 0o755)
writeFileSync(join(tokens, 'token'), await sign(cluster, claimsOf(POD)))
const lines: Record<string, unknown>[] = []
const registry = new Registry()
const updates = createUpdateServer({
  shelf,
  keys: async () => jwksOf(cluster),
  listen: { address: '127.0.0.1', port: 0 },
  tls: { directory },
  poll: { ...pollSettings.parse({}), lowestSeconds: 1 },
  service: { namespace: 'sekisho-system', serviceAccount: 'sekisho-rules' },
  registry,
  log: logOf(lines),
})
const { port } = await updates.listen()
const first = await publish('/first', 'own')
const { server: app } = await startApp()
const service = {
  tokens,
  keys: key.public,
  environment: () => ({
    SEKISHO_RULES_URL: `https://${NAME}:443`,
    SEKISHO_RULES_CONNECT_TO: `127.0.0.1:${port}`,
    SEKISHO_RULES_CA: ca.certPem,
    SEKISHO_RULES_KEYS: key.public,
  }),
} as unknown as UpdateService
const pod = await startPod({ service })
t.teardown(async () => {
  app.closeAllConnections()
  app.close()
  await pod.stop()
  await updates.close()
})
const status = async (path: string) => (await ask(path)).status
const heard = () => updates.heard.of(POD.uid)

t.test('the updater takes what the server publishes, and the server hears that the WAF serves it', async (t) => {
  await until('the first bundle is told as active', () => heard()?.generation === first && heard()?.state === 'active')
  const { orders } = shelf.wants.get('shop')!
  await until('it follows the orders', () => heard()?.orders === orders.id)
  t.match(heard(), {
    ...POD,
    reason: 'Active',
    mode: 'block',
    engine: /^\d+\.\d+\.\d+$/,
    wanted: first,
    image: /^sekisho-waf/,
  })
  t.ok(heard()!.rules > 100, `${heard()!.rules} rules`)
  t.equal(await status('/first'), 403)
  const second = await publish('/second', 'own')
  await until('the second bundle is told as active', () => heard()?.generation === second)
  t.same([await status('/first'), await status('/second')], [200, 403])
})

t.test('the updater is told a mode alone, without a bundle', async (t) => {
  const wanted = shelf.wants.get('shop')!
  const downloads = async () => /^sekisho_rules_bundle_downloads_total (\d+)$/m.exec(await registry.metrics())?.[1]
  const before = await downloads()
  shelf.wants.set('shop', { ...wanted, orders: ordersOf('detect') })
  await until('the WAF only detects', () => heard()?.mode === 'detect')
  t.equal(await status('/second'), 200)
  t.equal(await downloads(), before)
})

t.test('the updater comes to rest: every poll is answered 304, and nothing is refused', async (t) => {
  const count = async (answer: string) =>
    Number(
      new RegExp(`^sekisho_rules_polls_total{answer="${answer}"} (\\d+)$`, 'm').exec(await registry.metrics())?.[1],
    )
  await until('it follows the last orders', () => heard()?.orders === shelf.wants.get('shop')!.orders.id)
  const [changed, unchanged] = [await count('changed'), await count('unchanged')]
  await until('it polls on', async () => (await count('unchanged')) > unchanged + 2)
  t.equal(await count('changed'), changed)
  t.equal(await count('refused'), 0)
  t.equal(await count('unable'), 0)
  t.same(
    lines.filter(({ level }) => level !== 'info'),
    [],
  )
})
