/** How old the rules are, as the agent counts it: by what the service confirms, and by no clock that somebody sets. Real rules: pipeline.image.test.ts. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { issueCa, issueLeaf } from '../../../certs-job/issue.ts'
import type { ApiClient } from '../../../src/cluster/api-client.ts'
import { idsConfig } from '../../../src/config/ids.ts'
import { type AgentRules, startAgentRules } from '../../../src/ids/rules/agent-rules.ts'
import { eventually } from '../wire.ts'

const NAME = 'rules.example'
const HOUR = 3_600_000
const archive = Buffer.from('an archive')
const sha256 = createHash('sha256').update(archive).digest('hex')
const terms = { now: Date.now(), days: 30, backdateMs: 60_000 }
const ca = await issueCa(terms)
const leaf = await issueLeaf({ ...ca, notAfter: terms.now + 30 * 86_400_000 }, [NAME], terms)
let headers: Record<string, string> = {}
let answers = 0
const server = https.createServer({ cert: leaf.certPem, key: leaf.keyPem }, (request, response) => {
  answers++
  response.writeHead(request.headers['if-none-match'] === `"${sha256}"` ? 304 : 500, headers).end()
})
await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
t.teardown(() => {
  server.closeAllConnections()
  server.close()
})
const { port } = server.address() as AddressInfo

/** Rules that were confirmed so long ago, by a clock that the test sets. Suricata does not answer: what it runs is another matter. */
const start = async (t: Test, confirmedMsAgo: number, log: string[] = []) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-age-'))
  const stopping = new AbortController()
  writeFileSync(join(folder, 'token'), 'one')
  writeFileSync(join(folder, `archive-${sha256}.tar.gz`), archive)
  const known = { version: '1', sha256, content: 'c', rules: 1 }
  writeFileSync(
    join(folder, 'state.json'),
    JSON.stringify({ v: 1, known, confirmedAt: Date.now() - confirmedMsAgo, own: [] }),
  )
  const client: ApiClient = {
    request: async () => ({ data: { 'ca.crt': ca.certPem } }) as never,
    open: () => Promise.reject(new Error('no API server')),
    close: () => {},
  }
  const service = {
    url: `https://${NAME}:${port}`,
    connectTo: `127.0.0.1:${port}`,
    tokenFile: join(folder, 'token'),
  }
  let ahead = 0
  const rules = await startAgentRules({
    config: idsConfig.parse({ runDirectory: folder, stateDirectory: folder, rules: { service } }),
    engine: { command: () => Promise.reject(new Error('nobody there')) },
    judge: () => [],
    client,
    tell: (reason, note) => log.push(`${reason} ${note}`),
    log: { info: () => {}, warn: () => {} },
    signal: stopping.signal,
    userAgent: 'test',
    clock: { now: () => Date.now() + ahead, sleep: (ms, signal) => sleep(Math.min(ms, 200), undefined, { signal }) },
    limits: { firstFetchMs: 0 },
  })
  t.teardown(async () => {
    stopping.abort()
    await rules.done
    rmSync(folder, { recursive: true })
  })
  const remembered = () => JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8')).confirmedAt as number
  return { rules, remembered, setClock: (ms: number) => (ahead = ms) }
}
const hoursOld = (rules: AgentRules) => Math.round((performance.now() - rules.state().confirmedAt) / HOUR)
const asked = async () => {
  const before = answers
  await eventually(
    async () => (answers > before + 1 ? true : undefined),
    () => 'the service was not asked',
  )
}

t.test('startAgentRules() counts the age from what the source of the service said, not from the 304', async (t) => {
  headers = { 'sekisho-confirmed-seconds': '7200' }
  const { rules, remembered } = await start(t, 5 * HOUR)
  await eventually(
    async () => (hoursOld(rules) === 2 ? true : undefined),
    () => `${hoursOld(rules)} hours old`,
  )
  await asked()
  t.equal(hoursOld(rules), 2, 'however often the service answers')
  t.equal(Math.round((Date.now() - remembered()) / HOUR), 2)
  headers = { 'sekisho-confirmed-seconds': '36000' }
  await asked()
  t.equal(hoursOld(rules), 2, 'another replica that knows less takes nothing back')
  headers = { 'sekisho-confirmed-seconds': '0' }
  await eventually(
    async () => (hoursOld(rules) === 0 ? true : undefined),
    () => `${hoursOld(rules)} hours old`,
  )
})

t.test('startAgentRules() takes a 304 that says nothing of the source for no confirmation', async (t) => {
  headers = {}
  const { rules } = await start(t, 5 * HOUR)
  await asked()
  t.equal(hoursOld(rules), 5)
})

t.test('startAgentRules() counts the age by no clock that is set', async (t) => {
  headers = {}
  const { rules, setClock } = await start(t, 5 * HOUR)
  for (const years of [-30, 30]) {
    setClock(years * 365 * 24 * HOUR)
    t.equal(hoursOld(rules), 5)
  }
  const { rules: later } = await start(t, -1000 * HOUR)
  t.equal(hoursOld(later), 0, 'a time that is still to come says nothing')
})

t.test('startAgentRules() goes on asking after a fault of its own, and tells of it', async (t) => {
  const told: string[] = []
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-age-'))
  const stopping = new AbortController()
  const caFile = join(folder, 'ca.crt')
  const { done } = await startAgentRules({
    config: idsConfig.parse({
      runDirectory: folder,
      stateDirectory: folder,
      rules: { from: 'archive', archive: { address: `https://127.0.0.1:${port}/a.tar.gz`, caFile } },
    }),
    engine: { command: () => Promise.reject(new Error('nobody there')) },
    judge: () => [],
    client: undefined,
    tell: (reason, note) => told.push(`${reason} ${note}`),
    log: { info: () => {}, warn: () => {} },
    signal: stopping.signal,
    userAgent: 'test',
    clock: { now: Date.now, sleep: (ms, signal) => sleep(Math.min(ms, 200), undefined, { signal }) },
    limits: { firstFetchMs: 0 },
  })
  t.teardown(async () => {
    stopping.abort()
    await done
    rmSync(folder, { recursive: true })
  })
  const says = (words: RegExp) =>
    eventually(
      async () => (told.some((line) => words.test(line)) ? true : undefined),
      () => `not told: ${told}`,
    )
  await says(/^SourceRefused Fault: .*ca\.crt/)
  const before = answers
  writeFileSync(caFile, ca.certPem)
  await says(/^SourceRefused TlsRefused/)
  t.equal(answers, before, 'the certificate is of another name')
})
