/**
 * What is granted to `sekisho rules` and what it calls are the same: the real service, with the real WAF as its bench, lives through all that it is
 * for; then the audit log is compared with the roles, both ways.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { findAccess } from '../../src/cluster/access.ts'
import { createApiClient } from '../../src/cluster/api-client.ts'
import { createCollector } from '../../src/rules/publish/collect.ts'
import { createKept } from '../../src/rules/publish/kept.ts'
import { projectKept } from '../../src/rules/publish/project.ts'
import { createStates } from '../../src/rules/publish/states.ts'
import { until } from '../cluster-cache/lab.ts'
import { runs, type Station, startStation } from '../rules/publish/station.ts'
import { realCrsArchive } from '../rules/real-crs.ts'
import { inOwnNetwork } from '../waf/own-network.ts'
import { compareRights } from './rights.ts'

await inOwnNetwork(import.meta.filename)

/** The collector as the service runs it, with the service's account, an hour later than it is: what nobody refers to has been so for long. */
const collectLater = async ({ kubeconfig, json }: Station): Promise<readonly string[]> => {
  const access = await findAccess({ env: {}, kubeconfig })
  const client = createApiClient(access, 'rbac-rules')
  const kept = createKept({
    client,
    namespace: 'sekisho-system',
    signal: new AbortController().signal,
    forbidden: () => undefined,
    changed: () => {},
  })
  const found = await json<{ items: never[] }>(['-n', 'sekisho-system', 'get', 'configmaps'])
  for (const one of found.items) kept.seen(projectKept(one))
  let now = Date.now()
  const states = createStates(kept)
  for (const { name } of kept.all()) states.reread(name)
  const { items } = await json<{ items: { metadata: { name: string } }[] }>(['get', 'namespaces'])
  const namespaces = new Set(items.map(({ metadata }) => metadata.name))
  const rollout = JSON.parse(kept.get('sekisho-rules-rollout')!.data['state']!) as never
  const collector = createCollector({ kept, states, rollout: () => rollout, inUse: () => namespaces, now: () => now })
  await collector.round()
  now += 3_600_000
  const gone = await collector.round()
  client.close()
  return gone
}

t.test('sekisho rules calls what it is granted, and is granted nothing else', async (t) => {
  // Without streaming lists, as on older servers, the caches are filled by `list`; with them by `watch` alone.
  const apiServerArgs = ['--feature-gates=WatchList=false']
  const station = await startStation(t, { name: 'rbac-rules', audit: true, apiServerArgs })
  const name = 'coreruleset-4.25.0-minimal.tar.gz'
  const archive = (await realCrsArchive('4.25.0')).toString('base64')
  await station.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'crs', namespace: 'sekisho-system' },
    binaryData: { [name]: archive },
  })
  const crs = { from: 'configmap', verify: 'none', configMap: { name: 'crs' } }
  const service = await station.serve({ sources: { everyMinutes: 0.02, crs } })
  const shop = await station.addPod('shop', 'shop-1', () => service.port)
  await runs(shop, '4.25.0')

  const has = (word: string) => [...shop.state.files.values()].some((body) => body.includes(word))
  const rules = (word: string) =>
    station.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'team', namespace: 'shop', labels: { 'sekisho.dev/rules': 'true' } },
      data: {
        'rules.conf': `SecRule ARGS "@contains ${word}" "id:100001,phase:2,deny,status:403,t:none,msg:'${word}'"\n`,
      },
    })
  await station.apply({
    apiVersion: 'sekisho.dev/v1alpha1',
    kind: 'WafPolicy',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { mode: 'block', rules: { before: ['team'] } },
  })
  for (const word of ['zanzibar', 'samarkand']) {
    await rules(word)
    await until(
      word,
      () => shop.step(),
      () => has(word),
      60_000,
    )
  }
  await until(
    'an Event',
    () => station.events('shop'),
    (events) => events.some((one) => one.startsWith('Enforced')),
    60_000,
  )
  await sleep(1000)
  await service.stop()

  const gone = await collectLater(station)
  t.ok(
    gone.length > 0 && gone.every((one) => one.startsWith('sekisho-recipe-')),
    `recipes of what is not published any more were taken away: ${gone}`,
  )
  await compareRights(t, station.cluster, 'sekisho-rules')
})
