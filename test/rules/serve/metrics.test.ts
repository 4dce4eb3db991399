/** createServeMetrics: what is counted where. */
import { Registry } from 'prom-client'
import t from 'tap'
import { createServeMetrics, SERVE_METRICS } from '../../../src/rules/serve/metrics.ts'
import {
  BANK,
  CURRENT,
  claimsOf,
  get,
  jwksOf,
  REPORT,
  reportOf,
  shelfOf,
  sign,
  signingKey,
  startUpdateServer,
  WEB,
} from './support.ts'

t.test('createServeMetrics() serves every metric of its table and no other', async (t) => {
  const registry = new Registry()
  createServeMetrics(registry, () => ({
    pods: 1,
    replicas: 1,
    intervalSeconds: 5,
    heard: { active: 1, failed: 0, waiting: 0 },
  }))
  const types = [...(await registry.metrics()).matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type])
  t.same(
    Object.fromEntries(types),
    Object.fromEntries(Object.entries(SERVE_METRICS).map(([name, { type }]) => [name, type])),
  )
})

t.test('createUpdateServer() counts polls by answer, errors by code, bundles and Pods', async (t) => {
  const key = await signingKey('one')
  const [web, bank] = await Promise.all([sign(key, claimsOf(WEB)), sign(key, claimsOf(BANK))])
  const shelf = shelfOf(WEB, BANK)
  shelf.pods = 700
  const running = await startUpdateServer(t, { shelf, keys: async () => jwksOf(key) })
  const first = await get(running, CURRENT, { token: web, headers: reportOf(REPORT) })
  await get(running, CURRENT, {
    token: web,
    headers: { ...reportOf(REPORT), 'if-none-match': String(first.headers['etag']) },
  })
  await get(running, `/v1/waf/bundles/${shelf.wants.get('shop')!.generation}`, { token: web })
  shelf.wants.delete('bank')
  await get(running, CURRENT, { token: bank, headers: reportOf({ status: { state: 'failed' } }) })
  await get(running, CURRENT, { token: 'a.b.c' })
  await get(running, CURRENT, { token: bank, headers: { 'sekisho-report': '!' } })
  const text = await running.registry.metrics()
  for (const line of [
    'sekisho_rules_polls_total{answer="changed"} 1',
    'sekisho_rules_polls_total{answer="unchanged"} 1',
    'sekisho_rules_polls_total{answer="nothing"} 1',
    'sekisho_rules_polls_total{answer="refused"} 2',
    'sekisho_rules_polls_total{answer="unable"} 0',
    'sekisho_rules_poll_duration_seconds_count 5',
    'sekisho_rules_serve_errors_total{code="TokenMalformed"} 1',
    'sekisho_rules_serve_errors_total{code="ReportInvalid"} 1',
    'sekisho_rules_serve_errors_total{code="PodUnknown"} 0',
    'sekisho_rules_bundle_downloads_total 1',
    'sekisho_rules_bundle_bytes_total 14',
    'sekisho_rules_pods 700',
    'sekisho_rules_poll_interval_seconds 7',
    'sekisho_rules_pods_heard{state="active"} 1',
    'sekisho_rules_pods_heard{state="failed"} 1',
    'sekisho_rules_pods_heard{state="waiting"} 0',
    'sekisho_rules_replicas 1',
    'sekisho_tls_certificate_reloads_total{result="loaded"} 1',
  ])
    t.ok(text.split('\n').includes(line), line)
  t.notMatch(text, /shop|web-1/, 'no Pod and no namespace is a label')
})
