/**
 * What the webhook adds to the making of a Pod: dry-run creations through a real kube-apiserver, with and without it.
 *
 * Both kinds take turns, one by one, so that whatever else the machine does hits both: a Pod in a namespace that asks for the
 * WAF (one mutating and one validating call), and the same Pod in one that does not. p99 added = p99 with − p99 without.
 *
 *   node bench/apiserver.ts [--pods 3000]
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeCa, makeLeaf } from '../test/admission/support.ts'
import { configurations, startWebhook } from '../test/admission/webhook-process.ts'
import { startCluster } from '../test/cluster/start.ts'
import { large, small } from './admission/pods.ts'
import { preferUs } from './priority.ts'
import { limited, percentile, type Row, report } from './report.ts'

preferUs()
const { values } = parseArgs({ options: { pods: { type: 'string', default: '3000' } } })
const PODS = Number(values.pods)
const WARM_UP = 1500

const say = (text: string) => void process.stderr.write(`${text}\n`)
const cluster = await startCluster({ size: 'control-plane', name: 'bench-api', log: say })
const work = mkdtempSync(join(tmpdir(), 'sekisho-bench-'))
const ca = await makeCa()
const webhook = await startWebhook({ kubeconfig: cluster.kubeconfig, work, pair: await makeLeaf(ca) })
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

const rows: Row[] = []
try {
  await cluster.createNamespace('with', { 'sekisho.dev/waf': 'block' })
  await cluster.createNamespace('without')
  for (const one of configurations(webhook.port, ca.certPem))
    await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(one) })
  await webhook.untilReady()
  for (const [size, pod] of [
    ['small Pod', small],
    ['64 KB Pod', large],
  ] as const) {
    const { metadata, spec, apiVersion, kind } = pod
    // As a client would send it: no owner that the API server would look for, no volume that admission adds itself.
    const body = (namespace: string) =>
      Buffer.from(
        JSON.stringify({
          apiVersion,
          kind,
          metadata: { generateName: metadata.generateName, namespace, labels: metadata.labels },
          spec: { containers: spec.containers.map((one) => ({ ...one, volumeMounts: undefined })) },
        }),
      )
    const [asked, plain] = [body('with'), body('without')]
    for (let i = 0; !(await create('with', asked)).text.includes('"sekisho-waf"'); i++) {
      if (i === 100) throw new Error('the Pod is not injected')
    }
    say(`${size}: ${WARM_UP} to warm up, then ${PODS} with and without …`)
    const ms: Record<'with' | 'without', number[]> = { with: [], without: [] }
    for (let i = -WARM_UP; i < PODS; i++) {
      const one = await create('with', asked)
      const other = await create('without', plain)
      if (i < 0) continue
      ms.with.push(one.ms)
      ms.without.push(other.ms)
    }
    for (const [name, share] of [
      ['p50', 0.5],
      ['p99', 0.99],
    ] as const) {
      const [a, b] = [percentile(ms.with, share), percentile(ms.without, share)]
      rows.push({
        bench: 'apiserver',
        what: `create a ${size}, ${name}, with and without`,
        unit: 'ms',
        ours: a,
        rival: b,
        ratio: b / a,
        aim: null,
      })
      rows.push(
        name === 'p99'
          ? limited('apiserver', `create a ${size}, ${name} added`, 'ms', a - b, 3)
          : {
              bench: 'apiserver',
              what: `create a ${size}, ${name} added`,
              unit: 'ms',
              ours: a - b,
              rival: null,
              ratio: null,
              aim: null,
            },
      )
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
      what: `mean of one review in the webhook, up to here`,
      unit: 'ms',
      ours: own,
      rival: null,
      ratio: null,
      aim: null,
    })
  }
} finally {
  agent.destroy()
  await webhook.stop()
  await cluster.stop()
  rmSync(work, { recursive: true, force: true })
}
report(rows)
