/** What install() does besides `kubectl apply -k`, on a real API server. */
import t from 'tap'
import { parseConfig } from '../../src/config/load.ts'
import { webhookConfig } from '../../src/config/webhook.ts'
import { startCluster } from '../cluster/start.ts'
import { BASE } from '../manifests/render.ts'
import { reachWithoutDns } from './install.ts'
import { IMAGE_DEFAULT, type Station } from './station.ts'

t.test('reachWithoutDns() gives Pods the address of the Service, and has the webhook start again', async (t) => {
  const cluster = await startCluster({ size: 'control-plane', name: 'install' })
  t.teardown(() => cluster.stop())
  await cluster.kubectlOk(['apply', '-k', BASE])
  const station: Station = {
    about: 'a control plane',
    images: IMAGE_DEFAULT,
    dns: false,
    kubectl: (args, options) => cluster.kubectl(args, options),
  }
  const inSystem = async (...args: string[]) =>
    JSON.parse(await cluster.kubectlOk(['-n', 'sekisho-system', 'get', ...args, '-o', 'json']))
  await reachWithoutDns({ ...station, dns: true })
  t.equal((await inSystem('deployment', 'sekisho-webhook')).metadata.generation, 1, 'with DNS nothing is changed')
  await reachWithoutDns(station)
  const { spec, metadata } = await inSystem('deployment', 'sekisho-webhook')
  t.equal(metadata.generation, 2)
  const { name } = spec.template.spec.volumes.find((each: { name: string }) => each.name === 'config').configMap
  const image = { path: ['inject', 'image'], value: 'x', where: '--waf-image' }
  const text = (await inSystem('configmap', name)).data['webhook.yaml']
  const { inject } = parseConfig(webhookConfig, text, 'webhook.yaml', [image]).config
  const { clusterIP } = (await inSystem('service', 'sekisho-rules')).spec
  t.equal(inject.updates.connectTo, `${clusterIP}:443`)
  t.equal(inject.updates.url, 'https://sekisho-rules.sekisho-system.svc:443', 'the name stays')
  t.equal(inject.capture, 'port')
})
