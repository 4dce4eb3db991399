/** The bench with the real engine: what passes, and each known way a rule set can be bad. */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Content } from '../../../src/rules/compile/compile.ts'
import { compile } from '../../../src/rules/compile/compile.ts'
import { readRelease } from '../../../src/rules/compile/release.ts'
import type { TrialKind } from '../../../src/rules/model.ts'
import { inOwnNetwork } from '../../waf/own-network.ts'
import { until } from '../../waf/pod.ts'
import { compiled, hash, realRelease, SETUP } from '../compile/support.ts'
import { realCrsFiles } from '../real-crs.ts'
import { altered, corpus, startBenchPod, startService } from './support.ts'

await inOwnNetwork(import.meta.filename)
const [crs22, crs25] = await Promise.all([realRelease('4.22.0'), realRelease('4.25.0')])
const old = compiled({ release: crs22 })
const fresh = compiled({ release: crs25 })
const own = (text: string) => compiled({ release: crs25, before: [{ name: 'rules.conf', text }] })
/** The release without one of its files, as upstream could publish it by mistake. */
async function without(part: string): Promise<Content> {
  const files = [...(await realCrsFiles('4.25.0'))].filter(([path]) => !path.includes(part))
  const read = readRelease('4.25.1', new Map(files.map(([path, bytes]) => [path, { bytes }])))
  if (read.status === 'refused') throw new Error(JSON.stringify(read.problems))
  const made = compile({ release: read.release, setup: SETUP, now: 0, hash })
  if (made.status === 'refused') throw new Error(JSON.stringify(made.problems))
  return made.content
}

const end = new AbortController()
const pod = await startBenchPod({ bytes: 24 << 20 })
const bench = await startService(pod.run, end.signal)
t.teardown(async () => {
  end.abort()
  await pod.stop()
})
const never = new AbortController().signal
const tries = (content: Content, { kind = 'release', against = fresh }: { kind?: TrialKind; against?: Content } = {}) =>
  bench.try({ kind, namespace: 'shop', content, against }, never)

t.test('the bench waits for its container, says so, and gives no verdict', async (t) => {
  t.equal(bench.engine(), undefined)
  const first = bench.try({ kind: 'release', namespace: 'shop', content: old }, never)
  t.equal(await Promise.race([first, sleep(2000, 'waiting')]), 'waiting')
  t.match(bench.state(), { engine: undefined, waiting: 1, trouble: { reason: 'BenchMissing' } })
  await pod.start()
  const result = await first
  t.match(result, { verdict: 'passed', reason: 'Passed', engine: /^3\.\d+\.\d+$/ })
  t.equal(bench.engine(), result.engine)
  t.match(bench.state(), { waiting: 0, trouble: undefined })
})

t.test('CRS 4.22.0 → 4.25.0 passes', async (t) => {
  const result = await tries(fresh, { against: old })
  t.comment(`full trial: ${result.ms} ms`)
  t.match(result, {
    verdict: 'passed',
    reason: 'Passed',
    detail: `${corpus.filter(({ expect }) => expect === 'stopped').length} attacks and ${corpus.filter(({ expect }) => expect === 'passed').length} harmless requests decided as they should be`,
  })
})

t.test('a namespace’s own rules pass in a short trial', async (t) => {
  const text = `SecRule REQUEST_FILENAME "@beginsWith /internal" "id:100001,phase:1,deny,status:403,msg:'internal'"\n`
  const result = await tries(own(text), { kind: 'delta' })
  t.comment(`short trial: ${result.ms} ms`)
  t.match(result, { verdict: 'passed', detail: /^28 attacks and 22 harmless/ })
})

const ARGUMENTS = `SecRule ARGS "@rx ." "id:100001,phase:2,deny,status:403,msg:'any argument'"\n`
const EVERYTHING = `SecRule REQUEST_FILENAME "!@streq /" "id:100001,phase:1,deny,status:403,msg:'all'"\n`
const cases: [string, () => Content | Promise<Content>, TrialKind, unknown][] = [
  [
    'a directive that the engine does not know',
    () => altered(fresh, { 'custom-001-x.conf': 'SecNonsense On\n' }),
    'release',
    { verdict: 'refused', reason: 'EngineRefused', detail: /^ConfigRefused: .*SecNonsense/s },
  ],
  [
    'an id that stands twice',
    () =>
      altered(
        fresh,
        { 'custom-001-x.conf': 'SecRule ARGS "@streq x" "id:100001,phase:1,pass"\n'.repeat(2) },
        fresh.rules + 2,
      ),
    'release',
    { verdict: 'refused', reason: 'EngineRefused', detail: /^ConfigRefused: .*100001/s },
  ],
  [
    'no rule at all',
    () =>
      altered(
        fresh,
        Object.fromEntries([...fresh.files.keys()].map((name) => [name, name.endsWith('.data') ? undefined : ''])),
      ),
    'release',
    { verdict: 'refused', reason: 'RuleCountDiffers' },
  ],
  [
    'a family lost that the WAF itself looks for',
    () => without('REQUEST-942-'),
    'release',
    { verdict: 'refused', reason: 'EngineRefused', detail: /^BadRequestPassed: / },
  ],
  [
    'a family lost that only the corpus looks for',
    () => without('REQUEST-941-'),
    'release',
    {
      verdict: 'held',
      reason: 'LetsAttackPass',
      detail: /class xss: \d+ of 25 that the set that stands stops pass: script-tag/,
    },
  ],
  [
    'a rule that denies any argument, as a release',
    () => own(ARGUMENTS),
    'release',
    { verdict: 'held', reason: 'BlocksGoodTraffic', detail: /^\d+ of 215 harmless .* \(\d+ × 403\): / },
  ],
  [
    'a rule that denies nearly everything, as a delta',
    () => own(EVERYTHING),
    'delta',
    { verdict: 'held', reason: 'BlocksGoodTraffic', detail: /^\d+ of 22 harmless / },
  ],
]
for (const [what, content, kind, expected] of cases)
  t.test(`try() tells ${what}`, async (t) => {
    const result = await tries(await content(), { kind })
    t.comment(`${result.ms} ms: ${result.detail}`)
    t.match(result, expected as object)
    // The bench goes on after it.
    t.match(await tries(own(`SecAction "id:100002,phase:1,pass,msg:'${what}'"\n`), { kind: 'delta' }), {
      verdict: 'passed',
    })
  })

t.test('try() tells a rule that ends the engine’s workers, and the bench is there for the next', async (t) => {
  // The engine reads the program's endless output into memory until the kernel ends it. No compiler lets such a rule through.
  const text = 'SecRule ARGS:q "@inspectFile /usr/bin/yes" "id:100001,phase:2,pass"\n'
  const result = await tries(altered(fresh, { 'custom-001-x.conf': text }, fresh.rules + 1), { kind: 'delta' })
  t.comment(`${result.ms} ms: ${result.detail}`)
  t.match(result, {
    verdict: 'refused',
    reason: 'EngineDied',
    detail: /^no answer to \w+\/[\w-]+, asked several times$/,
  })
  t.match(await tries(own(`SecAction "id:100009,phase:1,pass,nolog"\n`), { kind: 'delta' }), { verdict: 'passed' })
})

t.test('try() while the volume is full waits, says so, and goes on once there is room', async (t) => {
  const fill = join(pod.run, 'fill')
  execFileSync('sh', ['-c', 'head -c 100000000 /dev/zero > "$0" 2> /dev/null || :', fill])
  const result = tries(own(`SecAction "id:100010,phase:1,pass,nolog"\n`), { kind: 'delta' })
  t.match(await until('the service to notice', () => bench.state().trouble), {
    reason: 'VolumeFull',
    detail: /bytes left/,
  })
  rmSync(fill)
  t.match(await result, { verdict: 'passed' })
})

t.test('try() of several at once, two of them equal, tries one after the other and the equal ones once', async (t) => {
  const one = own(`SecAction "id:100003,phase:1,pass,nolog"\n`)
  const other = own(`SecAction "id:100004,phase:1,pass,nolog"\n`)
  const results = await Promise.all([
    bench.try({ kind: 'delta', namespace: 'shop', content: one, against: fresh }, never),
    bench.try({ kind: 'delta', namespace: 'bank', content: other, against: fresh }, never),
    bench.try({ kind: 'delta', namespace: 'mail', content: one, against: fresh }, never),
  ])
  for (const result of results) t.match(result, { verdict: 'passed' })
  t.equal(results[0], results[2])
  t.not(results[0], results[1])
  t.equal(await tries(one, { kind: 'delta' }), results[0], 'and is remembered')
})

t.test('try() may be left while it waits or runs', async (t) => {
  const leave = new AbortController()
  const content = own(`SecAction "id:100005,phase:1,pass,nolog"\n`)
  const left = bench.try({ kind: 'delta', namespace: 'shop', content, against: fresh }, leave.signal)
  leave.abort(new Error('no longer wanted'))
  await t.rejects(left, { message: 'no longer wanted' })
  t.equal(bench.state().waiting, 0)
})

t.test('a bench that is killed in mid-trial and comes back ends the trial', async (t) => {
  const content = own(`SecAction "id:100006,phase:1,pass,nolog"\n`)
  const result = bench.try({ kind: 'delta', namespace: 'shop', content, against: fresh }, never)
  await until('the candidate on the volume', () => placed(content))
  await pod.kill()
  await until('the service to notice', () => bench.engine() === undefined && bench.state().trouble)
  t.match(bench.state(), { waiting: 1, trouble: { reason: 'BenchMissing' } })
  await pod.start()
  t.match(await result, { verdict: 'passed' })
})

/** Whether the candidate lies on the volume at the moment. */
const placed = (content: Content): boolean => {
  const last = [...content.sums].find(({ name }) => name.startsWith('custom-'))
  const found = execFileSync('sh', ['-c', 'cat "$0"/rulesets/crs-*/manifest 2> /dev/null || :', pod.run], {
    encoding: 'utf8',
  })
  return found.includes(last!.sha256)
}

t.test('a bench that dies with a candidate again and again refuses it, and goes on with the next', async (t) => {
  const content = own(`SecAction "id:100007,phase:1,pass,nolog"\n`)
  const result = bench.try({ kind: 'delta', namespace: 'shop', content, against: fresh }, never)
  let over = false
  void result.then(() => {
    over = true
  })
  for (let deaths = 0; deaths < 3; deaths++) {
    await until('the candidate on the volume', () => placed(content))
    await pod.kill()
    await until('the service to take it away', () => !placed(content))
    if (over) break
    await pod.start()
  }
  t.match(await result, { verdict: 'refused', reason: 'EngineDied' })
  if (!pod.waf) await pod.start()
  t.match(await tries(own(`SecAction "id:100008,phase:1,pass,nolog"\n`), { kind: 'delta' }), { verdict: 'passed' })
})
