/**
 * What is granted and what is called are the same: the real commands run as their ServiceAccounts against a real API
 * server, whose audit log is then compared with the roles, both ways.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { request as post } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { issueCa, issueLeaf } from '../../certs-job/issue.ts'
import type { KubeObject } from '../../src/api/kube.ts'
import { startWebhook } from '../admission/webhook-process.ts'
import { run } from '../cluster/run.ts'
import { startCluster } from '../cluster/start.ts'
import { kubeconfigOf } from './account.ts'
import { BASE, callingUrl, configurationsOf, objectsOf, render } from './render.ts'
import { compareRights } from './rights.ts'

const CLI = join(import.meta.dirname, '../../src/cli.ts')
const objects = objectsOf(await render(BASE))

/** A Pod without labels in a namespace without labels, as the API server sends it while our watch is a moment behind. */
const askWithoutLabels = (port: number, caPem: string): Promise<number> =>
  askAbout({ spec: { containers: [{ name: 'app', image: 'x' }] } }, '/mutate', port, caPem)

/** A Pod with a container that says it is ours and is not: before it is refused, what Pods are told is looked at live. */
const askWithForgery = (port: number, caPem: string): Promise<number> => {
  const ports = [{ name: 'http', containerPort: 80 }]
  const spec = {
    containers: [{ name: 'app', image: 'x', ports }],
    initContainers: [{ name: 'sekisho-rules', image: 'x', restartPolicy: 'Always' }],
  }
  return askAbout({ spec, metadata: { labels: { 'sekisho.dev/waf': 'block' } } }, '/validate', port, caPem)
}

const askAbout = (pod: KubeObject, path: string, port: number, caPem: string): Promise<number> => {
  const metadata = { name: 'x', namespace: 'old', ...pod.metadata }
  const request = {
    uid: '1',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    name: 'x',
    namespace: 'old',
    operation: 'CREATE',
    userInfo: { username: 'somebody' },
    object: { ...pod, apiVersion: 'v1', kind: 'Pod', metadata },
    oldObject: null,
    dryRun: true,
  }
  const body = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request })
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const options = { method: 'POST', ca: caPem, headers }
    post(`https://localhost:${port}${path}?timeout=5s`, options, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
      .on('error', reject)
      .end(body)
  })
}

const start = async (t: Test, name: string, apiServerArgs: string[] = []) => {
  const work = mkdtempSync(join(tmpdir(), 'sekisho-rbac-'))
  t.teardown(() => rmSync(work, { recursive: true, force: true }))
  const cluster = await startCluster({ size: 'control-plane', name, audit: true, apiServerArgs })
  t.teardown(() => cluster.stop())
  await cluster.kubectlOk(['apply', '-k', BASE])
  return { cluster, work }
}

t.test('the certificate job calls what it is granted, and is granted nothing else', async (t) => {
  const { cluster, work } = await start(t, 'rbac-certs')
  const kubeconfig = await kubeconfigOf(cluster, work, 'sekisho-certs')
  const done = await run(process.execPath, [CLI, 'certs', 'ensure', '--kubeconfig', kubeconfig])
  t.equal(done.code, 0, done.stderr)
  await compareRights(t, cluster, 'sekisho-certs')
})

t.test('the webhook calls what it is granted, and is granted nothing else', async (t) => {
  // Without streaming lists, as on older servers, the caches are filled by `list`; with them by `watch` alone.
  const { cluster, work } = await start(t, 'rbac-webhook', ['--feature-gates=WatchList=false'])
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'blind' } }
  await cluster.kubectlOk(['create', '-f', '-'], { input: JSON.stringify(node) })
  const status = { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo: { operatingSystem: 'linux' } }
  await cluster.kubectlOk([
    'patch',
    'node',
    'blind',
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify({ status }),
  ])
  const lifetime = { now: Date.now(), days: 1, backdateMs: 300_000 }
  const ca = await issueCa(lifetime)
  const pair = await issueLeaf({ ...ca, notAfter: Date.now() + 86_400_000 }, ['localhost'], lifetime)
  const kubeconfig = await kubeconfigOf(cluster, work, 'sekisho-webhook')
  const webhook = await startWebhook({ kubeconfig, work, pair })
  t.teardown(() => webhook.stop())
  const configurations = callingUrl(configurationsOf(objects), `https://localhost:${webhook.port}`, ca.certPem)
  for (const configuration of configurations)
    await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(configuration) })
  await webhook.untilReady()
  await sleep(1000)

  const labelled = (name: string, labels: object): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: labels as Record<string, string> },
  })
  const protectedLabels = { 'sekisho.dev/protected': 'true', 'pod-security.kubernetes.io/enforce': 'restricted' }
  const apply = (object: KubeObject, ...args: string[]) =>
    cluster.kubectl(['apply', '-f', '-', ...args], { input: JSON.stringify(object) })
  // Blind nodes are looked at once more, then refused.
  t.match((await apply(labelled('shop', protectedLabels))).stderr, /blind/)
  // Pods on hostNetwork are looked for, and whether the user may open is asked.
  await cluster.createNamespace('old', { 'pod-security.kubernetes.io/enforce': 'privileged' })
  await apply(labelled('old', protectedLabels))
  const until = new Date(Date.now() + 3_600_000).toISOString()
  const uncovered = { 'sekisho.dev/allow-uncovered': JSON.stringify({ why: 'a test', until }) }
  const opened = labelled('open', protectedLabels)
  await apply({ ...opened, metadata: { ...opened.metadata, annotations: uncovered } })
  // A review that no label explains: the watch must be behind, so the namespace is looked at live.
  t.equal(await askWithoutLabels(webhook.port, ca.certPem), 200)
  t.equal(await askWithForgery(webhook.port, ca.certPem), 200)
  await compareRights(t, cluster, 'sekisho-webhook')
})
