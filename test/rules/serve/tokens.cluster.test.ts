/** The update server and a real kube-apiserver: tokens as TokenRequest makes them, keys as the API server tells them. */
import t from 'tap'
import { findAccess } from '../../../src/cluster/access.ts'
import { createApiClient } from '../../../src/cluster/api-client.ts'
import type { PodFact } from '../../../src/rules/model.ts'
import { readClusterKeys } from '../../../src/rules/serve/cluster-keys.ts'
import { startCluster } from '../../cluster/start.ts'
import { CURRENT, factOf, get, REPORT, reportOf, shelfOf, startUpdateServer } from './support.ts'

const cluster = await startCluster({ size: 'control-plane', name: `serve-${process.pid}` })
t.teardown(() => cluster.stop())
await Promise.all(['shop', 'sekisho-system'].map((name) => cluster.createNamespace(name)))

const serviceAccount = async (namespace: string, name: string) => {
  const made = await cluster.api('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } })
  if (made.status !== 201) throw new Error(made.body)
}
await Promise.all([
  serviceAccount('shop', 'web'),
  serviceAccount('sekisho-system', 'sekisho-rules'),
  serviceAccount('sekisho-system', 'asker'),
])
const makePod = async (namespace: string, name: string, serviceAccountName: string) => {
  const spec = { serviceAccountName, containers: [{ name: 'app', image: 'registry.local/x:1' }] }
  const made = await cluster.api('POST', `/api/v1/namespaces/${namespace}/pods`, { metadata: { name }, spec })
  if (made.status !== 201) throw new Error(made.body)
  return { namespace, name, uid: JSON.parse(made.body).metadata.uid as string }
}
const token = async (namespace: string, account: string, ...args: string[]) =>
  (await cluster.kubectlOk(['-n', namespace, 'create', 'token', account, ...args])).trim()
const bound = (pod: { name: string; uid: string }) => [
  '--bound-object-kind',
  'Pod',
  '--bound-object-name',
  pod.name,
  '--bound-object-uid',
  pod.uid,
]
const OURS = ['--audience', 'sekisho-rules']

const client = createApiClient(await findAccess({ kubeconfig: cluster.kubeconfig }), 'test')
t.teardown(() => client.close())

t.test(
  'createUpdateServer() believes the tokens of this cluster’s Pods, until the shelf has them no more',
  async (t) => {
    const web = await makePod('shop', 'web-1', 'web')
    const shelf = shelfOf(web)
    const running = await startUpdateServer(t, { shelf, keys: readClusterKeys(client) })
    t.equal(running.server.checks['keys']!(), undefined)

    const good = await token('shop', 'web', ...OURS, ...bound(web))
    const answer = await get(running, CURRENT, { token: good, headers: reportOf(REPORT) })
    t.equal(answer.status, 200, answer.text)
    t.match(answer.text, /^sekisho-current 1\ngeneration crs-4\.25\.0-/)
    t.match(running.server.heard.all(), [{ ...web, engine: '3.0.16' }])

    t.equal((await get(running, CURRENT, { token: await token('shop', 'web', ...bound(web)) })).reason, 'TokenAudience')
    t.equal((await get(running, CURRENT, { token: await token('shop', 'web', ...OURS) })).reason, 'TokenNotOfPod')

    // A Pod of the same name is another Pod; so the uid decides, and the old token is good for nothing.
    await cluster.kubectlOk(['-n', 'shop', 'delete', 'pod', 'web-1', '--force', '--grace-period=0'])
    shelf.facts.clear()
    t.equal((await get(running, CURRENT, { token: good })).reason, 'PodUnknown')
    const again = await makePod('shop', 'web-1', 'web')
    shelf.facts.set(again.uid, factOf(again) as PodFact)
    t.equal((await get(running, CURRENT, { token: good })).reason, 'PodUnknown')
    t.equal((await get(running, CURRENT, { token: await token('shop', 'web', ...OURS, ...bound(again)) })).status, 200)
  },
)

t.test('createUpdateServer() knows the service itself by its token', async (t) => {
  const running = await startUpdateServer(t, { shelf: shelfOf(), keys: readClusterKeys(client) })
  const ask = async (...args: [string, string]) =>
    get(running, '/v1/peers/heard', { token: await token(...args, ...OURS) })
  t.equal((await ask('sekisho-system', 'sekisho-rules')).status, 200)
  t.equal((await ask('sekisho-system', 'asker')).reason, 'PeerUnknown')
  t.equal((await ask('shop', 'web')).reason, 'PeerUnknown')
})

t.test('readClusterKeys() needs no right beyond what every ServiceAccount has', async (t) => {
  const access = await findAccess({ kubeconfig: cluster.kubeconfig })
  const { cert: _cert, key: _key, ...tls } = access.tls as Record<string, unknown>
  const bearer = await token('sekisho-system', 'sekisho-rules')
  const own = createApiClient(
    { ...access, tls, headers: async () => ({ authorization: `Bearer ${bearer}` }) } as typeof access,
    'test',
  )
  t.teardown(() => own.close())
  // It is that ServiceAccount, and no administrator.
  await t.rejects(own.request('GET', '/api/v1/namespaces/shop/pods'), { name: 'ApiError', message: /forbidden/ })
  const { issuer, jwks } = await readClusterKeys(own)(new AbortController().signal)
  t.equal(issuer, 'https://kubernetes.default.svc.cluster.local')
  t.match(jwks, { keys: [{ kty: 'RSA', alg: 'RS256', kid: String }] })
})
