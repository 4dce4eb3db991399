import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { inOwnNetwork } from './own-network.ts'
import { ask, startApp, startPod, until } from './pod.ts'

await inOwnNetwork(import.meta.filename)
const CUSTOM = {
  'rules.conf': 'SecRule REQUEST_FILENAME "@beginsWith /internal" "id:100001,phase:1,deny,status:403"\n',
}
const ATTACK = '/?id=1%27%20UNION%20SELECT%20a,b%20FROM%20c--'
const { server } = await startApp()
const pod = await startPod({ custom: CUSTOM })
t.teardown(async () => {
  server.close()
  await pod.stop()
})
const { generation } = pod.status()!

/** Processes of the WAF container by what they are, with their parents. */
function processes(): { pid: number; name: string; parent: number }[] {
  const inside = readlinkSync(`/proc/${pod.waf.pid}/ns/pid`)
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        if (readlinkSync(`/proc/${entry}/ns/pid`) !== inside) return []
        const [, name, parent] = /^\d+ \((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${entry}/stat`, 'utf8'))!
        return [{ pid: Number(entry), name: name!, parent: Number(parent) }]
      } catch {
        return []
      }
    })
}
/** A form with one file of so many bytes. */
const upload = (bytes: number) => ({
  headers: { 'content-type': 'multipart/form-data; boundary=XX' },
  body: Buffer.from(
    `--XX\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\nContent-Type: application/octet-stream\r\n\r\n${'abc '.repeat(bytes / 4)}\r\n--XX--\r\n`,
  ),
})
const blocks = async () => {
  const answer = await ask(ATTACK)
  return answer.status === 403 && (await pod.audit(answer.headers['x-request-id'])).action === 'blocked'
}

t.test('nginx killed outright: not ready, started again, ready with the same generation', async (t) => {
  const master = processes().find(({ name, parent }) => name === 'nginx' && parent === pod.waf.pid)!
  t.ok(master)
  process.kill(master.pid, 'SIGKILL')
  await until('the restart to be counted', async () =>
    /restarts_total{part="nginx"} 1$/m.test((await ask('/metrics', { port: 15021 }).catch(() => ({ body: '' }))).body),
  )
  await until('readiness', pod.ready)
  t.match(pod.status(), { generation, state: 'active' })
  t.ok(await blocks())
  t.equal((await ask('/internal')).status, 403)
})

/** How many of nginx's workers ended otherwise than by being told to, by its own words. */
const deaths = () =>
  pod.records().filter((record) => /exited on signal|exited with fatal/.test(JSON.stringify(record))).length

t.test('a worker killed outright: nginx has another', async (t) => {
  const before = deaths()
  const master = processes().find(({ name, parent }) => name === 'nginx' && parent === pod.waf.pid)!
  for (const { pid, name, parent } of processes())
    if (name === 'nginx' && parent === master.pid) process.kill(pid, 'SIGKILL')
  await until('an answer', async () => (await ask('/').catch(() => undefined))?.status === 200)
  t.ok(await blocks())
  await until('nginx to say so', () => deaths() > before)
})

for (const filter of ['jq', 'mawk'])
  t.test(
    `every ${filter} filter killed outright, again and again, blocks no request and loses no later record`,
    async (t) => {
      for (let round = 0; round < 3; round++) {
        const found = processes().filter(({ name }) => name === filter)
        t.ok(found.length > 0)
        for (const { pid } of found) process.kill(pid, 'SIGKILL')
        const answers = await Promise.all(Array.from({ length: 30 }, () => ask(ATTACK)))
        t.ok(answers.every(({ status }) => status === 403))
        await until(
          'the filter to be back',
          () => processes().filter(({ name }) => name === filter).length === found.length,
        )
        t.ok(await blocks())
      }
    },
  )

t.test('sekisho-rules killed outright at any time leaves no half set, and goes on', async (t) => {
  for (const pause of [0, 30, 60, 120, 250, 400]) {
    pod.setCustom({ 'rules.conf': CUSTOM['rules.conf'].replace('100001', String(100100 + pause)) })
    await new Promise((done) => setTimeout(done, 900 + pause))
    await pod.restartRules({ hard: true })
  }
  pod.setCustom(CUSTOM)
  await pod.active((now) => now.generation === generation && now.wanted === generation)
  t.ok(await pod.ready())
  // It may be placing this very set anew; what the killed ones left would stay.
  await until('no half set', () =>
    readdirSync(join(pod.run, 'rulesets')).every((name) => /^crs-4\.25\.0-[0-9a-f]{16}$/.test(name)),
  )
  await pod.active((now) => now.generation === generation && now.wanted === generation)
})

t.test('the WAF container restarted comes back with the generation it enforced, without the updater', async (t) => {
  await pod.rules!.stop()
  for (const hard of [false, true]) {
    await pod.restartWaf({ hard })
    await until('readiness', pod.ready)
    t.match(pod.status(), { generation, state: 'active', mode: 'block' })
    t.equal((await ask('/internal')).status, 403)
    t.ok(await blocks())
  }
})

t.test('the WAF killed outright while it changes comes back with one of the two', async (t) => {
  await pod.restartRules()
  for (const pause of [200, 400, 600, 800, 1000]) {
    pod.setCustom({ 'rules.conf': CUSTOM['rules.conf'].replace('100001', String(100500 + pause)) })
    await new Promise((done) => setTimeout(done, 700 + pause))
    await pod.restartWaf({ hard: true })
    await until('readiness', pod.ready)
    t.equal((await ask('/internal')).status, 403)
    t.ok(await blocks())
  }
  pod.setCustom(CUSTOM)
  await pod.active((now) => now.generation === generation && now.wanted === generation)
})

t.test(
  'a set damaged on disk is not served after a restart: alive, not ready, and the updater repairs it',
  async (t) => {
    await pod.rules!.stop()
    const file = join(pod.run, 'rulesets', generation, 'REQUEST-942-APPLICATION-ATTACK-SQLI.conf')
    writeFileSync(file, '')
    await pod.restartWaf()
    t.match(await pod.failed(), { generation: '', wanted: generation, reason: 'FilesDiffer' })
    t.ok(await until('liveness', pod.live))
    t.equal(await pod.ready(), false)
    t.rejects(ask('/'))
    rmSync(join(pod.run, 'wanted'))
    await pod.restartRules()
    await until('readiness', pod.ready)
    t.match(await pod.active(), { generation })
    t.ok(await blocks())
  },
)

t.test('a full temp volume is a 503 of the requests that need it, and of no others', async (t) => {
  const post = () => ask('/upload', upload(1_000_000))
  t.equal((await post()).status, 200)
  await pod.waf.exec(['sh', '-c', 'cat /dev/zero > /tmp/full 2> /dev/null'])
  const full = await post()
  t.equal(full.status, 503)
  t.match(full.body, /cannot take this request now. Request id: [0-9a-f]{32}/)
  t.equal((await ask('/')).status, 200)
  t.equal(
    (await ask('/', { body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } })).status,
    200,
  )
  t.ok(await blocks())
  t.ok(await pod.ready())
  // Rules still change meanwhile: nothing of that needs the temp volume.
  pod.setCustom({})
  await pod.active((now) => now.generation !== generation)
  pod.setCustom(CUSTOM)
  await pod.active((now) => now.generation === generation)
  await pod.waf.exec(['rm', '/tmp/full'])
  t.equal((await post()).status, 200)
})

t.test(
  'large uploads at once, more than the temp volume holds, end no worker: each is answered for itself',
  async (t) => {
    const before = deaths()
    for (const uploads of [4, 12]) {
      const answers = await Promise.all(Array.from({ length: uploads }, () => ask('/upload', upload(12_000_000))))
      t.comment(answers.map(({ status }) => status).join(' '))
      t.ok(answers.every(({ status }) => [200, 503].includes(status)))
      if (uploads === 4) t.ok(answers.every(({ status }) => status === 200))
    }
    // Whether they are the same processes says less: a reload that was under way ends old ones as well.
    t.equal(deaths(), before)
    t.ok(await pod.ready())
  },
)

t.test('a full run volume: the served set stays, and the new one comes when there is room', async (t) => {
  const small = await (async () => {
    await pod.stop()
    return startPod({ runBytes: 6 << 20 })
  })()
  const baseline = small.status()!.generation
  execFileSync('sh', ['-c', `cat /dev/zero > ${small.run}/full 2> /dev/null || true`])
  small.setCustom(CUSTOM)
  await until('the updater to say so', () => small.rules!.stderr().includes('Cannot place the rule set'))
  t.match(small.status(), { generation: baseline })
  t.ok(await small.ready())
  t.equal((await ask(ATTACK)).status, 403)
  rmSync(join(small.run, 'full'))
  await small.active((now) => now.generation !== baseline)
  t.equal((await ask('/internal')).status, 403)
  await small.stop()
})
