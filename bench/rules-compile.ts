/**
 * What judging and compiling rules costs, beside the engine reading the very same files: `nginx -t` in the WAF image, its own start taken off.
 *
 * Each figure is CPU time, user and system, of the best of some rounds, taken in turns so that a busy minute hits all. Ours is that of this
 * process once its code is compiled: the service lints and compiles again and again. The engine's is that of a fresh process, as it always is.
 *
 *   node bench/rules-compile.ts [--rounds 12]
 */
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Content, compile } from '../src/rules/compile/compile.ts'
import type { Exclusion, Setup } from '../src/rules/compile/input.ts'
import { inLoadOrder } from '../src/rules/compile/names.ts'
import { type Release, readRelease } from '../src/rules/compile/release.ts'
import { lint } from '../src/rules/language/lint.ts'
import { startImage } from '../test/images/run.ts'
import { realCrsFiles } from '../test/rules/real-crs.ts'
import { preferUs } from './priority.ts'
import { limited, type Row, report } from './report.ts'

preferUs()
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '12' } } })
const ROUNDS = Number(values.rounds)
const VERSION = '4.25.0'
const raw = new Map([...(await realCrsFiles(VERSION))].map(([path, bytes]) => [path, { bytes }]))
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const setup: Setup = {
  paranoiaLevel: 1,
  allowedMethods: ['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE'],
  bodyLimitBytes: 13_107_200,
  fieldsLimitBytes: 1_048_576,
}
const exclusions: Exclusion[] = Array.from({ length: 50 }, (_, i) => ({
  rule: [942100, 941100, 932160, 930120, 933150][i % 5]!,
  path: `/api/v1/things/${i}`,
  parameter: 'text',
  reason: 'a field for text',
}))

const read = (): Release => {
  const outcome = readRelease(VERSION, raw)
  if (outcome.status === 'refused') throw new Error(JSON.stringify(outcome.problems))
  return outcome.release
}
const bundle = (release: Release): Content => {
  const outcome = compile({ release, setup, exclusions, now: 0, hash })
  if (outcome.status === 'refused') throw new Error(JSON.stringify(outcome.problems))
  return outcome.content
}
const release = read()
const content = bundle(release)
const whole = release.files.map(({ name, text }) => ({ name, text }))

// The engine's side: each set in a folder, with a configuration that includes it.
const folder = mkdtempSync(join(tmpdir(), 'rules-compile-'))
chmodSync(folder, 0o755)
const NGINX = (rules: string) => `load_module modules/ngx_http_modsecurity_module.so;
pid /tmp/nginx.pid;
error_log stderr notice;
events {}
http {
  access_log off; client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c; uwsgi_temp_path /tmp/d; scgi_temp_path /tmp/e;
  ${rules === '' ? '' : `modsecurity on; modsecurity_rules_file /sets/${rules}/main.conf;`}
  server { listen 127.0.0.1:8080; }
}
`
const DEFAULTS = 'SecRuleEngine On\nSecDefaultAction "phase:1,log,pass"\nSecDefaultAction "phase:2,log,pass"\n'
const place = (name: string, files: Iterable<readonly [string, string | Uint8Array]>) => {
  mkdirSync(join(folder, name))
  const all = new Map(files)
  for (const [file, bytes] of all) writeFileSync(join(folder, name, file), bytes)
  const includes = inLoadOrder(all.keys()).map((file) => `Include /sets/${name}/${file}\n`)
  writeFileSync(join(folder, name, 'main.conf'), `${DEFAULTS}${includes.join('')}`)
  writeFileSync(join(folder, `${name}.conf`), NGINX(name))
}
// The engine needs an empty line after a rule without actions, which the release as packed here lacks.
const asLoaded = (text: string) => text.replaceAll(/^(\s+SecRule TX:EARLY_BLOCKING "@eq 1")$/gim, '$1\n')
place('whole', [...whole.map(({ name, text }) => [name, asLoaded(text)] as const), ...release.data])
place('bundle', content.files)
writeFileSync(join(folder, 'none.conf'), NGINX(''))
const image = await startImage('sekisho-waf', {
  command: ['sleep', 'infinity'],
  binds: [{ source: folder, target: '/sets', readOnly: true }],
  tmpfs: [{ target: '/tmp' }],
})

const TIMES = 3
/** CPU milliseconds of `nginx -t`, and how many rules the engine says that it loaded. */
async function engine(name: string): Promise<{ ms: number; loaded: number }> {
  const once = `nginx -t -e stderr -c /sets/${name}.conf`
  // The shell's own account of its children: in hundredths of a second, so several are added up.
  const script = `${Array(TIMES).fill(once).join(' && ')} && cat /proc/$$/stat`
  const { code, stdout, stderr } = await image.exec(['sh', '-c', script])
  if (code !== 0) throw new Error(`nginx -t of ${name}: ${stderr.slice(-1000)}`)
  // Fields 16 and 17 of proc(5), cutime and cstime; the third follows the name in brackets.
  const fields = stdout.replace(/^.*\) /s, '').split(' ')
  const loaded = /rules loaded inline\/local\/remote: \d+\/(\d+)\/\d+/.exec(stderr)?.[1]
  return { ms: ((Number(fields[13]) + Number(fields[14])) * 10) / TIMES, loaded: Number(loaded ?? 0) }
}

function ours(work: () => unknown): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

const WORK = {
  lint: () => lint({ kind: 'release', files: whole, dataFiles: [...release.data.keys()] }),
  read,
  compile: () => bundle(release),
}
const best = { lint: Infinity, read: Infinity, compile: Infinity, none: Infinity, whole: Infinity, bundle: Infinity }
try {
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of ['lint', 'read', 'compile'] as const)
      for (let i = 0; i < 5; i++) best[name] = Math.min(best[name], ours(WORK[name]))
    for (const name of ['none', 'whole', 'bundle'] as const) {
      const { ms, loaded } = await engine(name)
      best[name] = Math.min(best[name], ms)
      if (name === 'bundle' && loaded !== content.rules)
        throw new Error(`The engine loaded ${loaded} rules of the bundle, the manifest says ${content.rules}`)
    }
  }
} finally {
  await image.stop(0)
  rmSync(folder, { recursive: true })
}
const nginx = { whole: best.whole - best.none, bundle: best.bundle - best.none }
const beside = (what: string, mine: number, rival: number, aim: number | null): Row => ({
  bench: 'rules-compile',
  what,
  unit: 'ms CPU',
  ours: mine,
  rival,
  ratio: rival / mine,
  aim,
})
report([
  beside(`lint of all of CRS ${VERSION}, beside nginx -t of it`, best.lint, nginx.whole, 1),
  beside('a release read from its bytes, once for all bundles, beside nginx -t of it', best.read, nginx.whole, null),
  beside(
    'compile of a bundle with 50 exclusions, its own lint included, beside nginx -t of it',
    best.compile,
    nginx.bundle,
    0.5,
  ),
  // What a Pod saves at each start and reload, and what the bench of the service saves for each candidate.
  beside('nginx -t of the bundle, beside nginx -t of all of the release', nginx.bundle, nginx.whole, 1),
  limited(
    'rules-compile',
    'a bundle, beside what 1000 namespaces may take in 5 minutes on one core',
    'ms CPU',
    best.compile,
    300,
  ),
])
