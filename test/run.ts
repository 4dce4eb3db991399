/**
 * Runs the tests in groups, so that what needs no real part answers in seconds and what needs the same part shares its set-up:
 *
 *   lint ─ unit ─┬─ binaries ── cluster ─┬─ node
 *                └─ images ───── image ──┘
 *
 * A test file says by its name what it needs: `x.test.ts` nothing, `x.cluster.test.ts` etcd and kube-apiserver, `x.image.test.ts` our
 * images, `x.node.test.ts` a whole node with Pods. The last line is `N passed, N failed`: the named tests at the top of each file.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { type Count, FileReport } from './run/file-report.ts'
import { lintSteps } from './run/lint-steps.ts'

type Group = 'unit' | 'cluster' | 'image' | 'node'
const NEEDS: Record<Exclude<Group, 'unit'>, string> = {
  cluster: '.cluster.test.ts',
  image: '.image.test.ts',
  node: '.node.test.ts',
}
const TIMEOUT_SECONDS: Record<Group, number> = { unit: 120, cluster: 600, image: 900, node: 1200 }
// Whole nodes are heavy on two cores: two at once make each other's probes late.
const JOBS: Record<Group, number> = { unit: availableParallelism(), cluster: 2, image: 2, node: 1 }

/** More red files than this are not run again. */
const MOST_RUN_AGAIN = 4

const started = Date.now()
const total: Count = { passed: 0, failed: 0 }
const seconds = (since: number): string => `${((Date.now() - since) / 1000).toFixed(1)} s`
const say = (line: string): void => console.log(`[${seconds(started).padStart(8)}] ${line}`)

function groupOf(file: string): Group {
  for (const [group, suffix] of Object.entries(NEEDS)) if (file.endsWith(suffix)) return group as Group
  return 'unit'
}

function filesOf(group: Group, folder = '**'): string[] {
  return globSync(`test/${folder}/*.test.ts`)
    .filter((file) => groupOf(file) === group)
    .sort()
}

/** Runs a command and returns its exit code and output, which `hear` also gets as it comes. */
function run(command: string, args: string[], hear: (text: string) => void = () => {}) {
  return new Promise<{ code: number; output: string }>((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
        hear(chunk.toString())
      })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code: code ?? (signal === null ? 1 : 128), output }))
  })
}

async function lint(): Promise<void> {
  const results = await Promise.all(
    lintSteps().map(async (step) => ({ step, ...(await run(step.command, step.args)) })),
  )
  for (const { step, code, output } of results) {
    if (code === 0) total.passed++
    else {
      total.failed++
      console.log(`\nlint: ${step.name} failed (${step.command} ${step.args.slice(0, 4).join(' ')} …):\n${output}`)
    }
  }
  say(`lint: ${results.map(({ step, code }) => `${code === 0 ? '✓' : '✗'} ${step.name}`).join('  ')}`)
}

/** One run of tap over these files. */
async function once(group: Group, files: readonly string[], jobs: number): Promise<FileReport> {
  const args = ['run', '--reporter=tap', `--jobs=${jobs}`, `--timeout=${TIMEOUT_SECONDS[group]}`, ...files]
  const report = new FileReport((line) => console.log(line))
  const { code, output } = await run('tap', args, (text) => report.add(text))
  report.end()
  // A runner that failed although no test did has lost something: never call that green.
  if (code !== 0 && report.count.failed === 0) {
    console.log(output.slice(-4000))
    report.count.failed = 1
  }
  return report
}

/**
 * A group of files, side by side. What fails among real parts is run once more, alone, and that run counts: on a small machine a neighbour
 * can make anything late, and a mistake fails twice. What was red only at first is said in so many words. More than a few red files are
 * never lateness.
 */
async function tap(group: Group, files: string[]): Promise<void> {
  if (files.length === 0) return
  const begin = Date.now()
  say(`${group}: ${files.length} files …`)
  const { count, failed } = await once(group, files, JOBS[group])
  if (group !== 'unit' && failed.length > 0 && failed.length <= MOST_RUN_AGAIN) {
    say(`${group}: red, and run once more, alone: ${failed.map(({ file }) => file).join(' ')}`)
    for (const { file, count: before } of failed) {
      const again = (await once(group, [file], 1)).count
      count.passed += again.passed - before.passed
      count.failed += again.failed - before.failed
      if (again.failed === 0) say(`${group}: ${file} was red beside others and is green alone`)
    }
  }
  total.passed += count.passed
  total.failed += count.failed
  say(`${group}: ${count.passed} passed, ${count.failed} failed (${seconds(begin)})`)
}

async function prepare(name: string, script: string, args: string[]): Promise<boolean> {
  const begin = Date.now()
  const { code } = await run(process.execPath, [script, ...args], (text) => process.stdout.write(text))
  say(`${name}: ${code === 0 ? 'ready' : `failed with exit code ${code}`} (${seconds(begin)})`)
  if (code !== 0) total.failed++
  return code === 0
}

const binaries = (): Promise<boolean> => prepare('binaries', 'test/cluster/cli.ts', ['build'])
const images = (): Promise<boolean> => prepare('images', 'test/images/build.ts', ['all'])

async function all(): Promise<void> {
  await lint()
  await tap('unit', filesOf('unit'))
  const imagesReady = images()
  if (await binaries()) await tap('cluster', filesOf('cluster'))
  if (!(await imagesReady)) return
  await tap('image', filesOf('image'))
  await tap('node', filesOf('node'))
}

async function suite(name: string | undefined): Promise<void> {
  const folder = `{${name},*/${name}}/**`
  const found = (['unit', 'cluster', 'image', 'node'] as const).map((group) => [group, filesOf(group, folder)] as const)
  if (name === undefined || found.every(([, files]) => files.length === 0)) {
    const known = [...new Set(globSync('test/*/**/*.test.ts').map((file) => file.split('/')[1]))].sort().join(', ')
    console.error(`run: no suite '${name ?? ''}'. Say SUITE=one of: ${known}`)
    process.exitCode = 2
    return
  }
  await Promise.all([binaries(), images()])
  for (const [group, files] of found) await tap(group, files)
}

const [what, name] = process.argv.slice(2)
if (what === 'lint') await lint()
else if (what === 'unit') {
  await lint()
  await tap('unit', filesOf('unit'))
} else if (what === 'suite') await suite(name)
else if (what === 'all') await all()
else {
  console.error(`run: unknown group '${what ?? ''}': must be all, unit, lint or suite NAME`)
  process.exit(2)
}
say(`done in ${seconds(started)}`)
console.log(`${total.passed} passed, ${total.failed} failed`)
if (total.failed > 0 || total.passed === 0) process.exitCode ||= 1
