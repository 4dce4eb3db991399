/**
 * The real `sekisho webhook` behind a real kube-apiserver: certificates rotate, replicas come, go and are killed, while
 * Pods are made all the time.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Cluster } from '../cluster/cluster.ts'
import { startCluster } from '../cluster/start.ts'
import { startService } from './service.ts'
import { makeCa, makeLeaf, placePair, temporaryDirectory } from './support.ts'
import { configurations, startWebhook, type WebhookProcess } from './webhook-process.ts'

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'web-' },
  spec: {
    containers: [{ name: 'app', image: 'registry.local/app:1', ports: [{ name: 'http', containerPort: 8080 }] }],
  },
}

/** One dry-run creation; anything but an injected Pod is a failure, in words. */
const create = async (cluster: Cluster): Promise<string | undefined> => {
  const { status, body } = await cluster.api('POST', '/api/v1/namespaces/shop/pods?dryRun=All', POD)
  if (status !== 201) return `${status} ${body}`
  return body.includes('"sekisho-waf"') ? undefined : 'admitted without a WAF'
}

const load = (cluster: Cluster, clients: number) => {
  let stop = false
  const failures: string[] = []
  let made = 0
  const done = Promise.all(
    Array.from({ length: clients }, async () => {
      while (!stop) {
        const failure = await create(cluster)
        if (failure === undefined) made++
        else failures.push(failure)
      }
    }),
  )
  return {
    get made() {
      return made
    },
    failures,
    end: () => {
      stop = true
      return done
    },
  }
}

const until = async (what: string, holds: () => boolean | Promise<boolean>) => {
  for (let i = 0; i < 300; i++) {
    if (await holds()) return
    await sleep(100)
  }
  throw new Error(`never: ${what}`)
}

t.test('sekisho webhook behind a real API server', async (t) => {
  const cluster = await startCluster({ size: 'control-plane', name: 'webhook' })
  t.teardown(() => cluster.stop())
  await cluster.createNamespace('shop', { 'sekisho.dev/waf': 'block' })
  const ca = await makeCa()
  const work = temporaryDirectory(t)
  const service = await startService()
  t.teardown(() => service.close())
  let count = 0
  const start = async (drainMs = 2000): Promise<WebhookProcess> => {
    const directory = join(work, `replica-${count++}`)
    mkdirSync(directory)
    const replica = await startWebhook({
      kubeconfig: cluster.kubeconfig,
      work: directory,
      pair: await makeLeaf(ca),
      drainMs,
    })
    t.teardown(() => void replica.child.kill('SIGKILL'))
    service.replicas.add(replica)
    return replica
  }
  const [a, b] = await Promise.all([start(), start()])

  await t.test('sekisho webhook is not ready before both configurations trust its certificate', async (t) => {
    await until('the caches are filled', async () => /caches: ok/.test((await a.ready()).text))
    const before = await a.ready()
    t.equal(before.status, 503)
    t.match(
      before.text,
      /^serving: ok\ncertificate: ok\ncaches: ok\ntrust: MutatingWebhookConfiguration sekisho does not exist yet\n$/,
    )
    const stranger = await makeCa()
    for (const one of configurations(service.port, stranger.certPem))
      await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(one) })
    await until('the stranger is noticed', async () =>
      /trust: MutatingWebhookConfiguration sekisho: pods.protected.sekisho.dev has a caBundle that does not verify our certificate/.test(
        (await a.ready()).text,
      ),
    )
    for (const one of configurations(service.port, ca.certPem))
      await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(one) })
    await Promise.all([a.untilReady(), b.untilReady()])
    await until('both are endpoints', () => service.endpoints.length === 2)
  })

  await t.test('sekisho webhook injects a Pod that is made through the API server', async (t) => {
    await until('the API server knows the configurations', async () => (await create(cluster)) === undefined)
    t.equal(await create(cluster), undefined)
    const reviewed = () => [...a.lines, ...b.lines].find((one) => one['msg'] === 'reviewed')
    // Lines are written after the answers, several at once.
    await until('the review is logged', () => reviewed() !== undefined)
    t.match(reviewed(), {
      'k8s.namespace.name': 'shop',
      'k8s.pod.name': /^web-/,
      'sekisho.reason': 'Injected',
      'sekisho.review.dry_run': true,
    })
  })

  await t.test('sekisho webhook tells kubectl in its own words what is no decision', async (t) => {
    const wrong = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'wrong' },
      webhooks: [
        {
          name: 'wrong.example.com',
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          clientConfig: {
            url: `https://localhost:${service.port}/validate`,
            caBundle: Buffer.from(ca.certPem).toString('base64'),
          },
          rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['serviceaccounts'], operations: ['CREATE'] }],
        },
      ],
    }
    await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(wrong) })
    const make = () => cluster.kubectl(['-n', 'shop', 'create', 'serviceaccount', 'a', '--dry-run=server'])
    await until('the API server knows the entry', async () => (await make()).code !== 0)
    const { code, stderr } = await make()
    await cluster.kubectlOk(['delete', 'validatingwebhookconfiguration', 'wrong'])
    t.equal(code, 1)
    t.match(
      stderr,
      /failed calling webhook "wrong.example.com": failed to call webhook: Cannot judge "serviceaccounts" on \/validate: known are pods, .*\. Apply the webhook configurations that belong to this version\. \(NoReviewer\)\n$/,
    )
  })

  await t.test('sekisho webhook rotates its certificate under load: 0 failed reviews', async (t) => {
    const pods = load(cluster, 4)
    for (let i = 0; i < 4; i++) {
      for (const replica of [a, b]) placePair(replica.tlsDirectory, await makeLeaf(ca))
      await sleep(600)
    }
    await pods.end()
    const loaded = [a, b].map(({ lines }) => lines.filter(({ msg }) => msg === 'certificate loaded').length)
    t.same(loaded, [5, 5], 'each took four new certificates')
    t.same(pods.failures, [])
    t.ok(pods.made > 20, `${pods.made} Pods`)
    t.comment(`${pods.made} Pods while 8 certificates rotated, ${pods.failures.length} failures`)
  })

  await t.test('sekisho webhook is replaced under load, one replica after the other: 0 failed reviews', async (t) => {
    const pods = load(cluster, 4)
    await sleep(500)
    for (const old of [a, b]) {
      const fresh = await start()
      await fresh.untilReady()
      await until('the new one is an endpoint', () => service.endpoints.includes(fresh))
      const begin = performance.now()
      const { code } = await old.stop('SIGTERM')
      t.equal(code, 0, 'it ends well')
      const took = performance.now() - begin
      t.ok(took >= 2000 && took < 30_000, `it took ${Math.round(took)} ms`)
      service.replicas.delete(old)
      t.match(old.lines.at(-1), { msg: 'stopped', 'sekisho.stopped': 'drained' })
    }
    await sleep(500)
    await pods.end()
    t.same(pods.failures, [])
    t.ok(pods.made > 20, `${pods.made} Pods`)
    t.comment(`${pods.made} Pods while both replicas were replaced, ${pods.failures.length} failures`)
  })

  await t.test('sekisho webhook that is killed costs reviews only until the endpoints are looked at', async (t) => {
    const [victim] = service.endpoints
    const pods = load(cluster, 4)
    await sleep(500)
    const begin = performance.now()
    t.same(await victim!.stop('SIGKILL'), { code: null, signal: 'SIGKILL' })
    await until('it is no endpoint any more', () => !service.endpoints.includes(victim!))
    const update = performance.now() - begin
    // Reviews that were under way when the endpoints changed may still fail.
    await sleep(200)
    const lost = pods.failures.length
    await sleep(1500)
    await pods.end()
    t.equal(pods.failures.length, lost, 'no review failed after the endpoints were updated')
    t.ok(
      pods.failures.every((text) => text.includes('failed calling webhook')),
      pods.failures[0] ?? 'none failed',
    )
    t.comment(`endpoints updated after ${Math.round(update)} ms, ${lost} reviews lost until then, ${pods.made} made`)
    service.replicas.delete(victim!)
  })

  await t.test('sekisho webhook ends at once at a second signal', async (t) => {
    const replica = await start(60_000)
    replica.child.kill('SIGTERM')
    await until('it drains', () => replica.lines.some(({ msg }) => msg === 'stopping: not ready, still serving'))
    const begin = performance.now()
    const { code } = await replica.stop('SIGTERM')
    t.equal(code, 3)
    t.ok(performance.now() - begin < 30_000, 'before its drain time is over')
    service.replicas.delete(replica)
  })
})
