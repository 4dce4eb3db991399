/**
 * What judging a namespace's own rules costs the one who waits for `kubectl apply`, and what the Core Rule Set takes in memory once read.
 * bench/rules-compile.ts has the lint of a whole release beside nginx.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { lint } from '../src/rules/language/lint.ts'
import { coreRuleSet } from '../test/rules/language/crs.ts'
import { limited, percentile, report } from './report.ts'

const BENCH = 'rules-lint'
const RUNS = 200
const MIB = 1024 * 1024
/** As large as a ConfigMap can be. */
const LARGEST_BYTES = 1_000_000

const collectGarbage = (): void => {
  setFlagsFromString('--expose_gc')
  runInNewContext('gc')()
}
const milliseconds = (work: () => unknown): number => {
  const since = performance.now()
  work()
  return performance.now() - since
}

const { files, data } = await coreRuleSet()
collectGarbage()
const before = process.memoryUsage().heapUsed
const { catalogue } = lint({ kind: 'release', files, dataFiles: data })
collectGarbage()
const kept = process.memoryUsage().heapUsed - before

const rule = (id: number): string =>
  `SecRule REQUEST_FILENAME "@beginsWith /internal" \\\n    "id:${id},phase:1,deny,status:403,log,msg:'internal page'"\n`
const custom = (text: string) => () =>
  lint({ kind: 'custom', files: [{ name: 'rules.conf', text }], besides: catalogue })
const one = Array.from({ length: RUNS }, () => milliseconds(custom(rule(100_001))))
let most = ''
for (let id = 100_000; most.length < LARGEST_BYTES; id++) most += rule(id)
const many = Array.from({ length: 10 }, () => milliseconds(custom(most)))

report([
  limited(BENCH, 'one custom rule, p95', 'ms', percentile(one, 0.95), 50),
  limited(
    BENCH,
    `a ConfigMap of ${(most.length / MIB).toFixed(1)} MiB of rules, the slowest of 10`,
    'ms',
    percentile(many, 1),
    2000,
  ),
  limited(BENCH, `memory that the ${catalogue.rules.length} rules of the CRS keep`, 'MiB', kept / MIB, 32),
])
