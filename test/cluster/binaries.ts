/**
 * The Kubernetes binaries. Nobody packages them in one place, so they are built from their Go modules, once:
 *
 *   modules/NAME/go.mod ──go build──▶ $CACHE/bin/NAME-VERSION-KEY/BINARY     KEY = go.mod, go.sum, flags, architecture
 *
 * A cold build of Kubernetes takes 5 to 20 minutes; a warm start costs one stat a binary. One process builds, others wait.
 */
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder, contentKey, exists, withLock } from './cache.ts'
import { lastLines, run } from './run.ts'

interface Module {
  /** Folder below modules/. */
  readonly name: string
  readonly version: string
  readonly ldflags: string
  /** Binary to its package, in the order in which they are built: what most tests wait for comes first. */
  readonly packages: Readonly<Record<string, string>>
}

export const KUBERNETES_VERSION = '1.37.2'
const stamp = 'k8s.io/component-base/version'
const MODULES: readonly Module[] = [
  {
    name: 'kubernetes',
    version: KUBERNETES_VERSION,
    // Without the stamp the version would be v0.0.0-master, which clients take for ancient.
    ldflags: `-s -w -X ${stamp}.gitVersion=v${KUBERNETES_VERSION} -X ${stamp}.gitMajor=1 -X ${stamp}.gitMinor=37`,
    packages: {
      'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
      kubectl: 'k8s.io/kubernetes/cmd/kubectl',
      etcd: 'go.etcd.io/etcd/server/v3',
      'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
      kubelet: 'k8s.io/kubernetes/cmd/kubelet',
      'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
      'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
    },
  },
  { name: 'kwok', version: '0.8.0', ldflags: '-s -w', packages: { kwok: 'sigs.k8s.io/kwok/cmd/kwok' } },
]

export type Log = (line: string) => void
export interface EnsureOptions {
  readonly log?: Log
  readonly signal?: AbortSignal
}

const sourceOf = (module: Module): string => join(import.meta.dirname, 'modules', module.name)

async function homeOf(module: Module): Promise<string> {
  const [mod, sum] = await Promise.all(['go.mod', 'go.sum'].map((file) => readFile(join(sourceOf(module), file))))
  const key = contentKey(module.version, mod!, sum!, module.ldflags, process.arch)
  return join(cacheFolder(), 'bin', `${module.name}-${module.version}-${key}`)
}

function moduleOf(binary: string): Module {
  const module = MODULES.find(({ packages }) => binary in packages)
  if (module) return module
  const known = MODULES.flatMap(({ packages }) => Object.keys(packages)).join(', ')
  throw new Error(`Cannot provide the binary '${binary}': it must be one of ${known}`)
}

/** Returns the path of each binary asked for, after building those that are not at hand. */
export async function ensureBinaries(
  names: readonly string[],
  options: EnsureOptions = {},
): Promise<Record<string, string>> {
  const paths: Record<string, string> = {}
  const missing: string[] = []
  for (const name of names) {
    const path = join(await homeOf(moduleOf(name)), name)
    paths[name] = path
    if (!(await exists(path))) missing.push(name)
  }
  for (const module of MODULES) {
    const wanted = Object.keys(module.packages).filter((name) => missing.includes(name))
    if (wanted.length > 0) await buildAll(module, wanted, options)
  }
  return paths
}

async function buildAll(module: Module, wanted: readonly string[], { log = () => {}, signal }: EnsureOptions) {
  const home = await homeOf(module)
  await mkdir(home, { recursive: true })
  const wait = (owner: string) => log(`${wanted.join(', ')}: process ${owner} is building, waiting for it`)
  await withLock(
    `${home}.lock`,
    async () => {
      log(
        `${module.name} ${module.version}: building what is missing; the first time takes minutes, later starts seconds`,
      )
      for (const [index, name] of wanted.entries()) {
        if (await exists(join(home, name))) continue
        await build(module, name, home, `${name} (${index + 1} of ${wanted.length})`, log, signal)
      }
    },
    wait,
  )
}

async function build(
  module: Module,
  name: string,
  home: string,
  title: string,
  log: Log,
  signal: AbortSignal | undefined,
) {
  const start = Date.now()
  const elapsed = () => `${Math.round((Date.now() - start) / 1000)} s`
  const done = { downloaded: 0, compiled: 0 }
  const state = () => `${done.downloaded} modules downloaded, ${done.compiled} packages compiled`
  const tick = setInterval(() => log(`${title}: ${elapsed()}, ${state()}`), 15_000)
  const temporary = join(home, `.${name}.${process.pid}`)
  try {
    const args = ['build', '-v', '-trimpath', '-buildvcs=false', '-ldflags', module.ldflags, '-o', temporary]
    const { code, stderr } = await run('go', [...args, module.packages[name]!], {
      cwd: sourceOf(module),
      env: { ...process.env, CGO_ENABLED: '0' },
      ...(signal && { signal }),
      onOutput: (text) => {
        for (const line of text.split('\n'))
          if (line.startsWith('go: downloading')) done.downloaded++
          else if (line !== '') done.compiled++
      },
    })
    if (code === 127) {
      throw new Error(
        `Cannot build ${name}: \`go\` is not in PATH. Install Go 1.26 or newer (https://go.dev/doc/install)`,
      )
    }
    if (code !== 0) throw new Error(`Cannot build ${name}: go ended with code ${code}:\n${lastLines(stderr, 12)}`)
    await rename(temporary, join(home, name))
    log(`${title}: built in ${elapsed()}`)
  } finally {
    clearInterval(tick)
    await rm(temporary, { force: true })
  }
}
