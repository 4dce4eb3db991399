/** What the tests of the bench share: the WAF container in its role as the bench, contents as the compiler makes them, and such as it never would. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rulesConfig } from '../../../src/config/rules.ts'
import type { Content } from '../../../src/rules/compile/compile.ts'
import { contentText } from '../../../src/rules/compile/manifest.ts'
import { type BenchOptions, startBench } from '../../../src/rules/trial/bench.ts'
import { loadCorpus } from '../../../src/rules/trial/corpus-files.ts'
import { type RunningImage, startImage } from '../../images/run.ts'
import { hash, key } from '../compile/support.ts'

export const corpus = loadCorpus()
export const settings = rulesConfig.parse({}).bench

/** A content with files changed, taken away or added, its sums and address made anew, as no compiler would. */
export function altered(
  content: Content,
  files: Readonly<Record<string, string | undefined>>,
  rules = content.rules,
): Content {
  const all = new Map(content.files)
  for (const [name, text] of Object.entries(files))
    if (text === undefined) all.delete(name)
    else all.set(name, Buffer.from(text))
  const sorted = new Map([...all].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  const facts = {
    ...content,
    rules,
    files: sorted,
    sums: [...sorted].map(([name, bytes]) => ({ name, sha256: hash(bytes) })),
  }
  return { ...facts, address: hash(Buffer.from(contentText(facts))) }
}

/** The shared volume and the container, which can be ended and started again. */
export async function startBenchPod({
  bytes,
  env = {},
}: {
  bytes?: number
  env?: Readonly<Record<string, string>>
} = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-bench-'))
  const run = join(folder, 'run')
  mkdirSync(run)
  if (bytes !== undefined) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', run])
  execFileSync('chmod', ['0777', run])
  const start = () =>
    startImage('sekisho-waf', {
      command: ['/usr/local/bin/sekisho-waf'],
      env: {
        SEKISHO_BENCH: '1',
        SEKISHO_POD_NAMESPACE: 'sekisho-bench',
        SEKISHO_MODE: 'block',
        SEKISHO_PORTS: '15080:18080:http',
        SEKISHO_UPSTREAM_HOST: '127.0.0.1',
        SEKISHO_RULES_KEYS: key.public,
        ...env,
      },
      network: { path: `/proc/${process.pid}/ns/net` },
      binds: [{ source: run, target: '/run/sekisho' }],
      tmpfs: [{ target: '/tmp', sizeBytes: 64 << 20 }],
      memoryBytes: 384 << 20,
    })
  let waf: RunningImage | undefined
  const pod = {
    run,
    get waf() {
      return waf
    },
    start: async () => {
      waf = await start()
    },
    kill: async () => {
      await waf?.kill('SIGKILL')
      await waf?.exited
      waf = undefined
    },
    stop: async () => {
      await waf?.stop()
      if (bytes !== undefined) execFileSync('umount', [run])
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return pod
}

/** The service's side on that volume. */
export const startService = (run: string, signal: AbortSignal, options: Partial<BenchOptions> = {}) =>
  startBench(
    {
      settings: { ...settings, directory: run, timeoutSeconds: 60 },
      corpus,
      hash,
      signer: () => ({ keys: [key.public], sign: key.sign }),
      ...options,
    },
    signal,
  )
