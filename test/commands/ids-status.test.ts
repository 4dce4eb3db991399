import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { main } from '../../src/cli.ts'
import { statusFile } from '../../src/ids/agent.ts'
import { statusOf } from '../../src/ids/readiness/figures.ts'
import { judge } from '../../src/ids/readiness/judge.ts'
import { reportOf } from '../../src/ids/readiness/report.ts'
import { writeReadiness } from '../../src/ids/readiness-file.ts'
import { GOOD } from '../ids/readiness/facts.ts'

const run = async (...args: string[]) => {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  const code = await main(['ids', 'status', ...args], { ...streams, env: {} } as never)
  return { code, stdout: String(streams.stdout.read() ?? ''), stderr: String(streams.stderr.read() ?? '') }
}
const folderWith = (t: Test, change: object = {}) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-ids-status-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const facts = { ...GOOD, ...change }
  writeReadiness(folder, judge(facts))
  const report = reportOf(facts, judge(facts), ['traffic between Pods'], '1.2.3')
  writeFileSync(statusFile(folder), JSON.stringify({ report, checks: statusOf(facts) }))
  return folder
}

t.test('sekisho ids status prints each check with its number, and what is not seen', async (t) => {
  const { code, stdout } = await run('--run-directory', folderWith(t))
  t.equal(code, 0)
  t.match(stdout, /^ok {4}RulesTooFew {10}40005 active, 40005 expected of the set 0123456789ab$/m)
  t.match(stdout, /^not seen: traffic between Pods$/m)
  t.equal(stdout.trim().split('\n').length, 12)
})

t.test('sekisho ids status ends with 1 where a check fails, and has the same as JSON', async (t) => {
  const folder = folderWith(t, { counts: { loaded: 40003, failed: 2 } })
  const { code, stdout } = await run('-d', folder)
  t.equal(code, 1)
  t.match(stdout, /^FAIL {2}RulesFailed {10}2 of 40005 rules could not be loaded \(limit 0\)$/m)
  const json = await run('-d', folder, '--output', 'json')
  t.equal(json.code, 1)
  t.match(JSON.parse(json.stdout), { report: { v: 1, ready: false, check: 'RulesFailed' } })
})

t.test('sekisho ids status does not believe an agent that has ended', async (t) => {
  const folder = folderWith(t)
  const readiness = join(folder, 'readiness')
  writeFileSync(readiness, readFileSync(readiness, 'utf8').replace(/^(ready) \d+/, '$1 1'))
  const { code, stdout } = await run('-d', folder)
  t.equal(code, 1)
  t.match(stdout, /^FAIL {2}AgentSilent {10}nothing was written for \d+ s \(limit 15 s\)$/m)
  t.match(JSON.parse((await run('-d', folder, '-o', 'json')).stdout).report, { ready: false })
})

t.test('sekisho ids status says where it runs when there is no agent', async (t) => {
  t.match(await run('-d', '/nowhere'), {
    code: 3,
    stderr: /^error: Cannot read \/nowhere\/readiness \(ENOENT\): this is a command for the container/,
  })
})

t.test('writeReadiness() writes two lines whatever the sentence holds', async (t) => {
  const folder = folderWith(t)
  writeReadiness(folder, { ready: false, check: 'SuricataSilent', detail: 'one\ntwo\u202ethree' })
  t.match(
    readFileSync(join(folder, 'readiness'), 'utf8'),
    /^not-ready \d+ SuricataSilent\nSuricataSilent: one two three\n$/,
  )
})
