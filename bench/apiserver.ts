/**
 * What the webhook adds to the making of a Pod: dry-run creations through a real kube-apiserver.
 *
 *   with      a namespace that asks for the WAF: one mutating and one validating call, a patch, the Pod is larger afterwards
 *   rival     the same two calls to a server that answers the same patch to everyone: what any such webhook costs, in the API server
 *   without   no webhook
 *
 * The three take turns, one by one, so that whatever else the machine does hits all. p99 added = p99 with − p99 without.
 *
 *   node bench/apiserver.ts [--pods 2000]      on a machine that others use: chrt -r 5 node bench/apiserver.ts
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeCa, makeLeaf, post } from '../test/admission/support.ts'
import { configurations, startWebhook } from '../test/admission/webhook-process.ts'
import { startCluster } from '../test/cluster/start.ts'
import { large, reviewOf, small } from './admission/pods.ts'
import { preferUs } from './priority.ts'
import { limited, percentile, type Row, report } from './report.ts'

preferUs()
const { values } = parseArgs({ options: { pods: { type: 'string', default: '2000' } } })
const PODS = Number(values.pods)
const WARM_UP = 1000
const KINDS = ['with', 'rival', 'without'] as const

const say = (text: string) => void process.stderr.write(`${text}\n`)
const cluster = await startCluster({ size: 'control-plane', name: 'bench-api', log: say })
const work = mkdtempSync(join(tmpdir(), 'sekisho-bench-'))
const ca = await makeCa()
const webhook = await startWebhook({ kubeconfig: cluster.kubeconfig, work, pair: await makeLeaf(ca) })
const rival = fork(join(import.meta.dirname, 'admission/server.ts'), ['rival', webhook.tlsDirectory])
const [{ port: rivalPort }] = await once(rival, 'message')
const pki = join(cluster.state.work, 'pki')
const read = (file: string) => readFileSync(join(pki, file))
const agent = new https.Agent({
  keepAlive: true,
  maxSockets: 1,
  ca: read('ca.crt'),
  cert: read('admin.crt'),
  key: read('admin.key'),
})

/** Makes a Pod in `namespace` without keeping it; resolves to the time it took in ms and what came back. */
const create = (namespace: string, body: Buffer): Promise<{ ms: number; text: string }> =>
  new Promise((resolve, reject) => {
    const begin = performance.now()
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    const url = `${cluster.apiServer}/api/v1/namespaces/${namespace}/pods?dryRun=All`
    const request = https.request(url, { method: 'POST', agent, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part) => {
        text += part
      })
      response.on('end', () => {
        if (response.statusCode === 201) resolve({ ms: performance.now() - begin, text })
        else reject(new Error(`${response.statusCode} ${text}`))
      })
    })
    request.on('error', reject)
    request.end(body)
  })

/** Both webhook configurations of the rival. */
const rivals = (): object[] =>
  (['Mutating', 'Validating'] as const).map((which) => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${which}WebhookConfiguration`,
    metadata: { name: 'rival' },
    webhooks: [
      {
        name: 'rival.example.com',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        clientConfig: {
          url: `https://localhost:${rivalPort}/${which === 'Mutating' ? 'mutate' : 'validate'}`,
          caBundle: Buffer.from(ca.certPem).toString('base64'),
        },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }],
        namespaceSelector: { matchLabels: { rival: 'true' } },
      },
    ],
  }))

const rows: Row[] = []
try {
  await cluster.createNamespace('with', { 'sekisho.dev/waf': 'block' })
  await cluster.createNamespace('rival', { rival: 'true' })
  await cluster.createNamespace('without')
  for (const one of [...configurations(webhook.port, ca.certPem), ...rivals()])
    await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(one) })
  await webhook.untilReady()
  for (const [size, pod] of [
    ['small Pod', small],
    ['64 KB Pod', large],
  ] as const) {
    const { metadata, spec, apiVersion, kind } = pod
    // As a client would send it: no owner that the API server would look for; no token, whose volume admission would add.
    const body = (namespace: string) =>
      Buffer.from(
        JSON.stringify({
          apiVersion,
          kind,
          metadata: { generateName: metadata.generateName, namespace, labels: metadata.labels },
          spec: {
            automountServiceAccountToken: false,
            containers: spec.containers.map((one) => ({ ...one, volumeMounts: undefined })),
          },
        }),
      )
    for (let i = 0; !(await create('with', body('with'))).text.includes('"sekisho-waf"'); i++) {
      if (i === 100) throw new Error('the Pod is not injected')
    }
    const review = reviewOf(JSON.parse(String(body('with'))), 'with')
    const { response } = await post({ port: webhook.port, ca }, review)
    rival.send({ patch: response.patch })
    await once(rival, 'message')
    say(`${size}: ${WARM_UP} of each kind to warm up, then ${PODS} …`)
    const bodies = KINDS.map((kind) => ({ kind, text: body(kind), ms: [] as number[] }))
    for (let i = -WARM_UP; i < PODS; i++) {
      for (const { kind, text, ms } of bodies) {
        const one = await create(kind, text)
        if (i >= 0) ms.push(one.ms)
      }
    }
    for (const [name, share] of [
      ['p50', 0.5],
      ['p99', 0.99],
    ] as const) {
      const [ours, constant, none] = bodies.map(({ ms }) => percentile(ms, share)) as [number, number, number]
      const common = { bench: 'apiserver', unit: 'ms', aim: null }
      rows.push({
        ...common,
        what: `create a ${size}, ${name}, beside no webhook`,
        ours,
        rival: none,
        ratio: none / ours,
      })
      rows.push({
        ...common,
        what: `create a ${size}, ${name} added, beside a constant answer of the same patch`,
        ours: ours - none,
        rival: constant - none,
        ratio: (constant - none) / (ours - none),
      })
      if (name === 'p99') rows.push(limited('apiserver', `create a ${size}, ${name} added`, 'ms', ours - none, 3))
    }
    // What the webhook itself took, from its own histogram: the rest is the API server's part of two calls.
    const metrics = await (await fetch(`http://127.0.0.1:${webhook.healthPort}/metrics`)).text()
    const sum = (name: string) =>
      [...metrics.matchAll(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'gm'))].reduce(
        (all, [, value]) => all + Number(value),
        0,
      )
    const own = (sum('sekisho_admission_duration_seconds_sum') / sum('sekisho_admission_duration_seconds_count')) * 1000
    rows.push({
      bench: 'apiserver',
      what: 'mean of one review inside the webhook, up to here',
      unit: 'ms',
      ours: own,
      rival: null,
      ratio: null,
      aim: null,
    })
  }
} finally {
  agent.destroy()
  rival.disconnect()
  await webhook.stop()
  await cluster.stop()
  rmSync(work, { recursive: true, force: true })
}
report(rows)
