/**
 * What a new rule set costs a Pod, and whether requests notice: our WAF, asked by its FIFO, beside the plain engine, the nginx of the same
 * image with the same rules and nothing of ours, that gets a HUP. Both under the same load over kept connections.
 *
 * Ours verifies the signature, tries the candidate beside the live one, switches, asks and probes before it says so; the plain one has
 * switched when it answers with the new name. Then the memory that this took, and its return by an exchange of nginx (USR2).
 *
 *   node bench/reload.ts
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Content } from '../src/rules/compile/compile.ts'
import { inLoadOrder } from '../src/rules/compile/names.ts'
import { startImage } from '../test/images/run.ts'
import { compiled, realRelease } from '../test/rules/compile/support.ts'
import { type Load, startLoad } from '../test/waf/load.ts'
import { inOwnNetwork, POD_IP } from '../test/waf/own-network.ts'
import { ask, startApp, startPod, until } from '../test/waf/pod.ts'
import { asked, newKey, placeSet } from '../test/waf/signed-sets.ts'
import { percentile, type Row, report } from './report.ts'

await inOwnNetwork(import.meta.filename)
const RELOADS = 50
/** Between two, so that the load meets each of them. */
const PAUSE_MS = 300
const release = await realRelease('4.25.0')
const contents = [100_001, 100_002].map((id) =>
  compiled({ release, before: [{ name: 'r.conf', text: `SecAction "id:${id},phase:1,pass,nolog"\n` }] }),
)

/** What all nginx processes in a container hold of their own, each page counted once. */
function heldBytes(container: { readonly pid: number }): number {
  const inside = readlinkSync(`/proc/${container.pid}/ns/pid`)
  let sum = 0
  for (const entry of readdirSync('/proc'))
    try {
      if (!/^\d+$/.test(entry) || readlinkSync(`/proc/${entry}/ns/pid`) !== inside) continue
      if (readFileSync(`/proc/${entry}/comm`, 'utf8') !== 'nginx\n') continue
      sum += Number(/^Pss_Anon:\s+(\d+)/m.exec(readFileSync(`/proc/${entry}/smaps_rollup`, 'utf8'))![1]) * 1024
    } catch {
      // It ended meanwhile.
    }
  return sum
}

interface Measured {
  readonly ms: readonly number[]
  readonly load: Load
  readonly grown: number
}
async function measure(container: { readonly pid: number }, once: (round: number) => Promise<void>): Promise<Measured> {
  const end = startLoad(16, 5)
  const ms: number[] = []
  for (let round = 1; round <= RELOADS; round++) {
    const since = performance.now()
    await once(round)
    ms.push(performance.now() - since)
    await sleep(PAUSE_MS)
  }
  const load = await end()
  // Old workers end.
  await sleep(8000)
  return { ms, load, grown: heldBytes(container) }
}

const { server } = await startApp()
const key = newKey()
let sequence = 0

/** By HUP alone. */
async function ours(): Promise<Measured> {
  const env = { SEKISHO_RULES_KEYS: key.public, SEKISHO_MEMORY_BUDGET_BYTES: String(2 ** 40) }
  const pod = await startPod({ updater: false, env })
  try {
    return await measure(pod.waf, async (round) => {
      const status = await asked(pod, placeSet(pod, contents[round % 2]!, { key, sequence: ++sequence }))
      if (status.state !== 'active') throw new Error(`${status.reason}: ${status.detail}`)
    })
  } finally {
    await pod.stop()
  }
}

/** The same reloads, and exchanges by USR2 as often as they may be, the last of them after the last reload. */
async function exchanges(): Promise<{ load: Load; done: number; returned: number }> {
  const env = { SEKISHO_RULES_KEYS: key.public, SEKISHO_MEMORY_BUDGET_BYTES: '1', SEKISHO_RECYCLE_SECONDS: '1' }
  const pod = await startPod({ updater: false, env })
  const done = async () =>
    Number(/recycles_total\{outcome="done"\} (\d+)/.exec((await ask('/metrics', { port: 15021 })).body)![1])
  try {
    const end = startLoad(16, 5)
    let before = 0
    for (let round = 1; round <= RELOADS; round++) {
      before = await done()
      const status = await asked(pod, placeSet(pod, contents[round % 2]!, { key, sequence: ++sequence }))
      if (status.state !== 'active') throw new Error(`${status.reason}: ${status.detail}`)
      await sleep(PAUSE_MS)
    }
    await until('the last exchange', async () => (await done()) > before, 120)
    const load = await end()
    await sleep(8000)
    return { load, done: await done(), returned: heldBytes(pod.waf) }
  } finally {
    await pod.stop()
  }
}

async function plain(): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'reload-'))
  const place = (content: Content, name: string) => {
    mkdirSync(join(folder, name))
    for (const [file, bytes] of content.files) writeFileSync(join(folder, name, file), bytes)
    const includes = inLoadOrder(content.files.keys()).map((file) => `Include /sets/${name}/${file}\n`)
    const first =
      'SecRuleEngine On\nSecRequestBodyAccess On\nSecDefaultAction "phase:1,log,pass"\nSecDefaultAction "phase:2,log,pass"\n'
    writeFileSync(join(folder, name, 'main.conf'), `${first}${includes.join('')}`)
  }
  contents.forEach((content, i) => {
    place(content, `set${i}`)
  })
  const configure = (round: number) =>
    writeFileSync(
      join(folder, 'nginx.conf'),
      `load_module modules/ngx_http_modsecurity_module.so;
pid /tmp/nginx.pid; daemon off; worker_processes 2; error_log stderr crit;
events {}
http {
  access_log off; client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c; uwsgi_temp_path /tmp/d; scgi_temp_path /tmp/e;
  modsecurity on; modsecurity_rules_file /sets/set${round % 2}/main.conf;
  upstream app { server ${POD_IP}:8080; keepalive 32; }
  server {
    listen ${POD_IP}:15080;
    location = /generation { modsecurity off; return 200 "${round}"; }
    location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }
  }
}
`,
    )
  configure(0)
  chmodSync(folder, 0o755)
  const engine = await startImage('sekisho-waf', {
    command: [
      'sh',
      '-c',
      'LD_PRELOAD=libtcmalloc_minimal.so.4 TCMALLOC_AGGRESSIVE_DECOMMIT=1 exec nginx -e stderr -c /sets/nginx.conf',
    ],
    network: { path: `/proc/${process.pid}/ns/net` },
    binds: [{ source: folder, target: '/sets', readOnly: true }],
    tmpfs: [{ target: '/tmp' }],
    memoryBytes: 384 << 20,
  })
  const answers = (round: number) =>
    until(`generation ${round}`, async () => (await ask('/generation').catch(() => undefined))?.body === String(round))
  try {
    await answers(0)
    return await measure(engine, async (round) => {
      configure(round)
      execFileSync('kill', ['-HUP', String(engine.pid)])
      await answers(round)
    })
  } finally {
    await engine.stop()
    rmSync(folder, { recursive: true })
  }
}

const rival = await plain()
const mine = await ours()
const usr2 = await exchanges()
server.closeAllConnections()
server.close()
for (const [who, load] of [
  ['plain engine, HUP', rival.load],
  ['ours, HUP', mine.load],
  [`ours, ${usr2.done} exchanges by USR2`, usr2.load],
] as const)
  console.log(
    `${who}: ${load.answered} answered, ${load.failed.length} failed (${[...new Set(load.failed)].join(', ') || 'none'})`,
  )
const MIB = 2 ** 20
const row = (what: string, unit: string, one: number, other: number, ratio: number, aim: number | null): Row => ({
  bench: 'reload',
  what,
  unit,
  ours: one,
  rival: other,
  ratio,
  aim,
})
const time = (what: string, part: number): Row => {
  const [one, other] = [percentile(mine.ms, part), percentile(rival.ms, part)]
  return row(what, 'ms', one, other, other / one, null)
}
const failed = (what: string, load: Load): Row =>
  row(what, 'requests', load.failed.length, 0, load.failed.length === 0 ? 1 : 0, 1)
const memory = (what: string, one: number, other: number) => row(what, 'MiB', one / MIB, other / MIB, other / one, null)
report([
  time('a reload, p50, asked to tried, served and probed; plain: HUP to served', 0.5),
  time('the same, p90', 0.9),
  failed(`failed of ${mine.load.answered} requests during ${RELOADS} reloads by HUP`, mine.load),
  failed(`failed of ${usr2.load.answered} during as many with ${usr2.done} exchanges by USR2`, usr2.load),
  memory(`nginx after ${RELOADS} reloads without an exchange; plain: the same`, mine.grown, rival.grown),
  memory(`nginx after ${RELOADS} reloads and an exchange; without one`, usr2.returned, mine.grown),
])
process.exit(0)
