import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runImage } from '../images/run.ts'
import { inOwnNetwork, POD_IP } from './own-network.ts'
import { ask, type PodOptions, startApp, startPod, until } from './pod.ts'

await inOwnNetwork(import.meta.filename)
const ATTACK = '/?id=1%27%20UNION%20SELECT%20a,b%20FROM%20c--'
const { server, seen } = await startApp()
t.teardown(() => {
  server.closeAllConnections()
  server.close()
})
/** One Pod for each test, taken away whatever happens. */
async function withPod(options: PodOptions, use: (pod: Awaited<ReturnType<typeof startPod>>) => Promise<void>) {
  const pod = await startPod(options)
  try {
    await use(pod)
  } finally {
    await pod.stop()
  }
}

t.test('detect lets an attack through to the app and says so, with the app’s answer', async (t) => {
  await withPod(
    { mode: 'detect', custom: { 'a.conf': 'SecRule REQUEST_FILENAME "@streq /x" "id:1,phase:1,deny,log"\n' } },
    async (pod) => {
      await pod.active()
      t.match(pod.status(), { mode: 'detect' })
      for (const path of [ATTACK, '/x']) {
        t.equal((await ask(path)).status, 200)
        const audit = await pod.audit(seen.at(-1)!.headers['x-sekisho-request-id'])
        t.match(audit, { action: 'detected', status: 200 })
      }
      const xml = (body: string) => ask('/', { headers: { 'content-type': 'text/xml' }, body })
      const attribute = await xml(`<a b="1' UNION SELECT a,b FROM c--"/>`)
      t.equal(attribute.status, 200)
      const doctype = await xml('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///nothing">]><a/>')
      t.equal(doctype.status, 200)
      t.match((await pod.audit(seen.at(-1)!.headers['x-sekisho-request-id'])).rules[0], { id: '200031' })
      const since = Date.now()
      t.equal((await xml(`<a>${'<b c="1"/>'.repeat(90_000)}</a>`)).status, 200)
      t.ok(Date.now() - since < 10_000, `${Date.now() - since} ms`)
      // What does not parse is not refused either.
      t.equal((await ask('/', { headers: { 'content-type': 'application/json' }, body: '{"a":{' })).status, 200)
    },
  )
})

t.test('baseline-block serves the baseline at once where no rule set was placed', async (t) => {
  await withPod({ updater: false }, async (pod) => {
    t.match(await pod.active(), { reason: 'WithoutBundle', wanted: '', mode: 'block' })
    t.equal((await ask(ATTACK)).status, 403)
  })
})

t.test('baseline-detect only detects until a rule set is placed, then blocks', async (t) => {
  await withPod({ updater: false, env: { SEKISHO_WITHOUT_BUNDLE: 'baseline-detect' } }, async (pod) => {
    t.match(await pod.active(), { reason: 'WithoutBundle', mode: 'detect' })
    t.equal((await ask(ATTACK)).status, 200)
    await pod.restartRules()
    await pod.active(({ mode }) => mode === 'block')
    t.equal((await ask(ATTACK)).status, 403)
  })
})

t.test('wait is alive and not ready until a rule set is placed, and answers nobody meanwhile', async (t) => {
  await withPod({ updater: false, ready: false, env: { SEKISHO_WITHOUT_BUNDLE: 'wait' } }, async (pod) => {
    await until('liveness', pod.live)
    await until('the status', () => pod.status()?.state === 'waiting')
    t.match(pod.status(), { reason: 'Waiting', generation: '' })
    t.equal(await pod.ready(), false)
    await t.rejects(ask('/'))
    await pod.restartRules()
    await until('readiness', pod.ready)
    t.equal((await ask(ATTACK)).status, 403)
  })
})

t.test('sekisho-rules started holds the WAF back for 20 s at most where nothing can be placed', async (t) => {
  await withPod({ updater: false, ready: false, runBytes: 256 << 10 }, async (pod) => {
    await pod.restartRules()
    const started = async () => (await pod.rules!.exec(['/usr/local/bin/sekisho-rules', 'started'])).code
    t.equal(await started(), 1)
    await until('20 s to be over', async () => (await started()) === 0, 40)
    t.notOk(existsSync(join(pod.run, 'wanted')))
    t.match(pod.rules!.stderr(), /Cannot place the rule set: the volume sekisho-run is full/)
  })
})

t.test('X-Forwarded-For is believed from trusted proxies alone', async (t) => {
  const headers = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https' }
  const client = async (options: PodOptions) => {
    let ip: unknown
    await withPod(options, async (pod) => {
      const { headers: answered } = await ask(ATTACK, { headers })
      ip = (await pod.audit(answered['x-request-id'])).client
      await ask('/', { headers })
    })
    return ip
  }
  t.match(await client({}), { ip: POD_IP })
  t.match(seen.at(-1)!.headers, { 'x-forwarded-for': `203.0.113.7, ${POD_IP}`, 'x-forwarded-proto': 'https' })
  t.match(await client({ env: { SEKISHO_TRUSTED_PROXIES: '10.88.0.0/24,2001:db8::/32' } }), { ip: '203.0.113.7' })
})

t.test('the environment sets methods, paranoia level and body limit', async (t) => {
  const env = { SEKISHO_ALLOWED_METHODS: 'GET POST', SEKISHO_PARANOIA_LEVEL: '2', SEKISHO_BODY_LIMIT_BYTES: '2048' }
  await withPod({ env }, async (pod) => {
    t.equal((await ask('/', { method: 'DELETE' })).status, 403)
    const body = (bytes: number) =>
      ask('/', { headers: { 'content-type': 'application/json' }, body: `["${'a'.repeat(bytes)}"]` })
    t.equal((await body(2000)).status, 200)
    t.equal((await body(2100)).status, 413)
    const answer = await ask('/?a=%E2%82%AC%00', {})
    const audit = await pod.audit(answer.headers['x-request-id'])
    t.ok(
      audit.rules.some(({ id }) => id === '920271' || id === '920270'),
      JSON.stringify(audit.rules),
    )
  })
  await withPod({}, async () => {
    t.equal((await ask('/', { method: 'DELETE' })).status, 200)
  })
})

for (const [name, value, wanted] of [
  ['SEKISHO_MODE', 'Block', 'block or detect'],
  ['SEKISHO_PORTS', '15080:8080:https', 'LISTENER:PORT:http|grpc, comma separated'],
  ['SEKISHO_UPSTREAM_HOST', 'app; include /etc/passwd', 'an IP address'],
  ['SEKISHO_PARANOIA_LEVEL', '5', 'a number from 1 to 4'],
  ['SEKISHO_BODY_LIMIT_BYTES', '0', 'a number from 1024 to 1073741824'],
  ['SEKISHO_ALLOWED_METHODS', "GET'", 'methods in capitals, space separated'],
  ['SEKISHO_TRUSTED_PROXIES', '10.0.0.0/8;', 'CIDRs, comma separated'],
  ['SEKISHO_WITHOUT_BUNDLE', 'open', 'baseline-detect, baseline-block or wait'],
  ['SEKISHO_RULES_KEYS', 'AAAA', 'raw Ed25519 public keys in base64, separated by spaces'],
  ['SEKISHO_BENCH', 'yes', '1, or not set'],
  ['SEKISHO_MEMORY_BUDGET_BYTES', '64Mi', 'a number of bytes'],
  ['SEKISHO_RECYCLE_SECONDS', '0', 'a number from 1 to 86400'],
] as const)
  t.test(`sekisho-waf refuses ${name}='${value}' in words and does not start`, async (t) => {
    const env = {
      SEKISHO_MODE: 'block',
      SEKISHO_PORTS: '15080:8080:http',
      SEKISHO_UPSTREAM_HOST: POD_IP,
      [name]: value,
    }
    const { code, stderr } = await runImage('sekisho-waf', { command: ['/usr/local/bin/sekisho-waf'], env })
    t.equal(code, 64)
    t.match(JSON.parse(stderr), {
      level: 'error',
      message: `Cannot start: ${name} must be ${wanted}`,
      variable: name,
      value,
    })
  })

t.test('the image holds no compiler, no headers, no set-uid program, and runs as 65532', async (t) => {
  const sh = (script: string) => runImage('sekisho-waf', { command: ['sh', '-c', script] })
  t.match(await sh('id -u; id -g'), { code: 0, stdout: '65532\n65532\n' })
  t.match(await sh('find / -xdev -type f -perm /6000; command -v gcc cc make; ls -d /usr/include/modsecurity'), {
    stdout: '',
  })
  t.match(await sh('cat /usr/local/share/sekisho/versions'), {
    stdout: /^1\.(3[0-9]|[4-9][0-9])\.\d+ 3\.0\.(1[6-9]|[2-9][0-9])\n$/,
  })
})
