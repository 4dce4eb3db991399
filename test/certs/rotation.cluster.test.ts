/**
 * A whole rotation of the CA under load: the real job, the real webhook, a real API server that calls it for every Pod.
 * The kubelet's part is played here: Secrets reach the webhook's folder seconds late, as they do in a Pod.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import t from 'tap'
import { ensure } from '../../certs-job/ensure.ts'
import { connect } from '../../certs-job/kubernetes.ts'
import { CONFIGURATION_KINDS } from '../../certs-job/view.ts'
import type { KubeObject } from '../../src/api/kube.ts'
import { certsConfig } from '../../src/config/certs.ts'
import { placePair } from '../admission/support.ts'
import { startWebhook } from '../admission/webhook-process.ts'
import { startCluster } from '../cluster/start.ts'
import { BASE, callingUrl, configurationsOf, objectsOf, render } from '../manifests/render.ts'

const HOUR = 3_600_000

const handshake = (port: number, ca: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca }, () => {
      socket.destroy()
      resolve()
    })
    socket.on('error', reject)
  })

t.test('a rotation of the CA under load: no review fails, and it is done when the first call works', async (t) => {
  const work = mkdtempSync(join(tmpdir(), 'sekisho-rotation-'))
  t.teardown(() => rmSync(work, { recursive: true, force: true }))
  const cluster = await startCluster({ size: 'control-plane', name: 'rotation' })
  t.teardown(() => cluster.stop())
  await cluster.createNamespace('shop', { 'sekisho.dev/waf': 'block' })
  await cluster.kubectlOk(['apply', '-k', BASE])

  const store = await connect({ kubeconfig: cluster.kubeconfig, namespace: 'sekisho-system', userAgent: 'test' })
  t.teardown(() => store.close())
  const config = certsConfig.parse({
    extraNames: ['localhost'],
    publishWaitSeconds: 3,
    overlapHours: 1,
    rulesTrustHours: 1,
  })
  const signal = new AbortController().signal
  const lines: string[] = []
  // Moved by the test, so that the day of overlap need not be waited for; it runs as the real one otherwise.
  let ahead = 0
  const serverTime = () => (store.serverTime() ?? Date.now()) + ahead
  const job = () =>
    ensure({ ...store, serverTime }, config, {
      wallClock: () => Date.now() + ahead,
      monotonic: () => performance.now(),
      sleep: (ms, signal) => sleep(ms, undefined, { signal }),
      progress: (line) => void lines.push(line),
      signal,
    })
  const pair = async () => {
    const { data } = await store.readSecret('sekisho-webhook-tls', signal)
    return { certPem: data['tls.crt']!, keyPem: data['tls.key']! }
  }

  await job()
  // As another tool resets it: the field is gone.
  const configurations = configurationsOf(objectsOf(await render(BASE)))
  const put = async (all: readonly KubeObject[]) => {
    for (const each of all) await cluster.kubectlOk(['replace', '-f', '-'], { input: JSON.stringify(each) })
  }
  await put(configurations)
  const webhook = await startWebhook({ kubeconfig: cluster.kubeconfig, work, pair: await pair() })
  t.teardown(() => webhook.stop())
  await sleep(3000)
  const { status, text } = await webhook.ready()
  t.equal(status, 503, 'not ready while the API server cannot trust it')
  t.match(text, 'trust: MutatingWebhookConfiguration sekisho: pods.protected.sekisho.dev has no caBundle yet\n')
  // From here on the entries call this machine's webhook.
  await put(callingUrl(configurations, `https://localhost:${webhook.port}`, ''))
  await job()
  await webhook.untilReady()

  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'x-' },
    spec: {
      containers: [{ name: 'app', image: 'registry.local/app:1', ports: [{ name: 'http', containerPort: 8080 }] }],
    },
  }
  const ask = () => cluster.api('POST', '/api/v1/namespaces/shop/pods?dryRun=All', pod)
  // An API server takes up a changed configuration within a moment of its write.
  for (let tries = 0; (await ask()).status !== 201; tries += 1) {
    if (tries > 100) throw new Error(`the first call does not work: ${(await ask()).body}`)
    await sleep(100)
  }

  let loading = true
  let asked = 0
  const failures: string[] = []
  const load = async () => {
    while (loading) {
      const { status, body } = await ask()
      asked += 1
      if (status !== 201 || !body.includes('sekisho-waf')) failures.push(`${status} ${body.slice(0, 300)}`)
    }
  }
  // The API server keeps connections, which would hide a leaf it does not trust: so each caBundle is held against what
  // the webhook serves to a new connection, again and again.
  let shaken = 0
  const handshakes = async () => {
    while (loading) {
      for (const kind of CONFIGURATION_KINDS) {
        const { entries } = (await store.readConfiguration(kind, 'sekisho', signal))!
        const ca = entries.map(({ caBundle }) => caBundle)
        if (new Set(ca).size !== 1) failures.push(`${kind}: entries differ`)
        await handshake(webhook.port, ca[0]!).catch((error: Error) => failures.push(`${kind}: ${error.message}`))
        shaken += 1
      }
      await sleep(50)
    }
  }
  const kubelet = async () => {
    let placed = (await pair()).certPem
    while (loading) {
      await sleep(1000)
      const now = await pair()
      if (now.certPem === placed) continue
      await sleep(4000)
      placePair(webhook.tlsDirectory, now)
      placed = now.certPem
    }
  }
  const working = [load(), load(), load(), handshakes(), kubelet()]

  const before = await pair()
  lines.length = 0
  // A new CA is asked for by taking the old one away; its certificate is found again in the leaf's Secret.
  const held = await store.readSecret('sekisho-ca', signal)
  await store.writeSecret('sekisho-ca', held, { 'ca.key': null, 'ca.crt': null }, signal)
  await job()
  t.not((await pair()).certPem, before.certPem, 'the leaf was switched')
  await sleep(8000)
  ahead = 2 * HOUR
  t.not((await job()).previous.length, 0, 'sekisho rules is switched, so the old CA stays an hour more')
  ahead = 4 * HOUR
  const last = await job()
  t.same(last.previous, [], 'and the old CA dropped')
  t.same(
    lines.map((line) => line.split(':')[0]).filter((word) => !word?.startsWith('waiting')),
    [
      ...['make-ca', 'tell-rules', 'tell-rules', 'publish', 'publish', 'issue-leaf', 'AllRight'],
      ...['issue-leaf', 'AllRight'],
      ...['drop-previous', 'tell-rules', 'tell-rules', 'publish', 'publish', 'AllRight'],
    ],
  )
  await sleep(2000)
  loading = false
  await Promise.all(working)
  t.same(failures, [])
  t.ok(asked > 100 && shaken > 50, `${asked} reviews, ${shaken} handshakes`)
  t.comment(`${asked} reviews through the API server and ${shaken} handshakes during the rotation`)
  t.equal((await webhook.ready()).status, 200)
})
