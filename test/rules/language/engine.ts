/** The real engine of the WAF image: what it loads, and what its PCRE2 makes of patterns. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startImage } from '../../images/run.ts'

export interface Loaded {
  /** The number that the engine says; -1: it refuses. */
  readonly rules: number
}
export interface Compiled {
  readonly ok: boolean
  /** Bytes of the compiled pattern, its header left out. */
  readonly size: number
  readonly message: string
}
export interface Engine {
  /** Loads each text by itself. */
  load(texts: readonly string[]): Promise<Loaded[]>
  compile(patterns: readonly string[]): Promise<Compiled[]>
  readonly pcreVersion: string
  stop(): Promise<void>
}

const CHECK = '/usr/lib/x86_64-linux-gnu/libexec/modsec-rules-check'
const HEADER_BYTES = 159
const BATCH = 500

export async function startEngine({ data = [] }: { data?: readonly string[] } = {}): Promise<Engine> {
  const folder = mkdtempSync(join(tmpdir(), 'engine-'))
  chmodSync(folder, 0o755)
  for (const name of data) writeFileSync(join(folder, name), '10.0.0.1\n')
  const program = join(folder, 'pcre2')
  // Linked by the library's own name, so that no development package is needed.
  execFileSync('gcc', ['-O1', '-o', program, join(import.meta.dirname, 'pcre2.c'), '-l:libpcre2-8.so.0'])
  const image = await startImage('sekisho-waf', {
    command: ['sleep', 'infinity'],
    binds: [{ source: folder, target: '/judged', readOnly: true }],
  })
  let batches = 0
  const loadBatch = async (texts: readonly string[]): Promise<Loaded[]> => {
    const batch = `b${batches++}`
    mkdirSync(join(folder, batch))
    for (const name of data) writeFileSync(join(folder, batch, name), '10.0.0.1\n')
    const names = texts.map((text, i) => {
      writeFileSync(join(folder, batch, `${i}.conf`), text)
      return `/judged/${batch}/${i}.conf`
    })
    // A process for each: within one the engine compares the ids of all.
    const { stdout, stderr } = await image.exec(['sh', '-c', `for f; do ${CHECK} "$f"; done`, 'sh', ...names])
    rmSync(join(folder, batch), { recursive: true })
    // What it cannot read it may print itself, so the answer stands anywhere behind the name; a crash leaves none.
    const said = stdout.split(/^ : (?=\/judged\/)/m).slice(1)
    if (said.length !== names.length) throw new Error(`The engine was not asked for all: ${stderr.slice(-500)}`)
    return said.map((answer) => ({ rules: Number(/Loaded (-?\d+) rules\./.exec(answer)?.[1] ?? -1) }))
  }
  const compileAll = async (patterns: readonly string[]): Promise<string[]> => {
    const input = patterns.map((pattern) => `${Buffer.from(pattern).toString('hex')}\n`).join('')
    const { stdout, stderr } = await image.exec(['/judged/pcre2'], { input })
    const lines = stdout.split('\n').slice(0, -1)
    if (lines.length !== patterns.length + 1) throw new Error(`PCRE2 ended early: ${stderr.slice(-500)}`)
    return lines
  }
  const [pcreVersion] = await compileAll([])
  return {
    pcreVersion: pcreVersion!,
    async load(texts) {
      const all: Loaded[] = []
      for (let i = 0; i < texts.length; i += BATCH) all.push(...(await loadBatch(texts.slice(i, i + BATCH))))
      return all
    },
    async compile(patterns) {
      const [, ...lines] = await compileAll(patterns)
      return lines.map((line) => {
        const [, ok, rest] = /^(\S+) (.*)$/.exec(line)!
        return ok === 'ok'
          ? { ok: true, size: Number(rest) - HEADER_BYTES, message: '' }
          : { ok: false, size: 0, message: rest!.replace(/^\d+ /, '') }
      })
    },
    async stop() {
      await image.stop(0)
      rmSync(folder, { recursive: true })
    },
  }
}
