/** The part of the WAF that decides about memory, in the shell of this machine, with a folder for the cgroup of Kubernetes. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'

const part = join(import.meta.dirname, '../../waf/lib/memory.sh')
const MIB = 2 ** 20
/** What a line of shell prints, where the cgroup holds these files. */
function said(line: string, files: Readonly<Record<string, string>>): string {
  const folder = t.testdir()
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), `${text}\n`)
  }
  return execFileSync('sh', ['-uc', `. "$0"; CGROUP=$1; ${line}`, part, folder], { encoding: 'utf8' })
}

const V1 = 'memory/memory.limit_in_bytes'
for (const [what, files, tmp, budget] of [
  ['no cgroup in sight', {}, 64, 192],
  ['version 2, no limit', { 'memory.max': 'max' }, 64, 192],
  ['version 2, the default limit', { 'memory.max': String(384 * MIB) }, 64, 160],
  ['version 2, no size of the temp volume', { 'memory.max': String(384 * MIB) }, 0, 192],
  ['version 2, a temp volume larger than half of the limit', { 'memory.max': String(128 * MIB) }, 100, 32],
  ['version 2 before version 1', { 'memory.max': String(384 * MIB), [V1]: String(100 * MIB) }, 64, 160],
  ['version 2 without a limit, whatever version 1 says', { 'memory.max': 'max', [V1]: String(100 * MIB) }, 64, 192],
  ['version 1, no limit', { [V1]: '9223372036854771712' }, 64, 192],
  ['version 1, a limit', { [V1]: String(512 * MIB) }, 64, 224],
  ['something else in the file', { 'memory.max': '384Mi' }, 64, 192],
] as const)
  t.test(`memory_budget: ${what}: ${budget} MiB`, async (t) => {
    t.equal(said(`TMP_BYTES=${tmp === 0 ? '' : tmp * MIB}; memory_budget`, files), String(budget * MIB))
  })

for (const [what, files, held] of [
  ['version 2', { 'memory.stat': 'anon 7340032\nfile 99\nanon_thp 5' }, 7_340_032],
  [
    'version 1, with what is below it',
    { 'memory/memory.stat': 'rss 5\ntotal_cache 9\ntotal_rss 5368709120' },
    5_368_709_120,
  ],
  ['neither', {}, 0],
] as const)
  t.test(`measure: a kernel that tells nothing by process, ${what}: the cgroup's figure`, async (t) => {
    t.equal(said('nginxes() { :; }; measure; printf %s "$MEMORY"', files), String(held))
  })

t.test('measure: what the processes hold of their own, before any figure of the cgroup', async (t) => {
  const line = 'nginxes() { echo "$$ 1"; }; measure; printf %s "$MEMORY"'
  const held = Number(said(line, { 'memory.stat': 'anon 999999999999' }))
  t.ok(held > 0 && held < 64 * MIB, String(held))
})
