/**
 * Runs one of our images as the kubelet would, without Kubernetes: runc with a read-only root, no capability that is not asked for, no new
 * privileges, namespaces of its own, and stdout and stderr as pipes that belong to the container's user.
 * What is not here: seccomp profiles and AppArmor, which the tests on whole nodes have.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureImages } from './build.ts'
import { buildah, copyFiles, hasImage } from './buildah.ts'
import { attempt, type Finished, type Log, requirePrograms } from './command.ts'
import { withLock } from './lock.ts'
import { cached, type ImageName } from './places.ts'

export interface RunOptions {
  /** As `command` of a Kubernetes container: takes the place of the image's entrypoint (and of its arguments). */
  command?: readonly string[]
  /** As `args` of a Kubernetes container: takes the place of the image's arguments. */
  args?: readonly string[]
  env?: Readonly<Record<string, string>>
  /** @default the image's USER */
  user?: { uid: number; gid: number }
  /** Added to none, e.g. `CAP_NET_RAW`. As in Kubernetes a non-root user holds them only through file capabilities. @default [] */
  capabilities?: readonly string[]
  /** File capabilities and set-uid programs work only with it. @default false */
  allowPrivilegeEscalation?: boolean
  /** Folders and files of this machine in the container. A folder to write into must let the container's user write: mode 0777 as an emptyDir's. */
  binds?: readonly { source: string; target: string; readOnly?: boolean }[]
  /** Memory-backed volumes, mode 1777, as an emptyDir with `medium: Memory` has it. */
  tmpfs?: readonly { target: string; sizeBytes?: number }[]
  /** `own`: only a loopback; `host`; or the path of a network namespace, e.g. that of another container: `/proc/PID/ns/net`. @default 'own' */
  network?: 'own' | 'host' | { path: string }
  /** @default none */
  memoryBytes?: number
  /** Ends the container when aborted. */
  signal?: AbortSignal
}

export interface RunningImage {
  /** Of the container's first process, as this machine sees it. */
  readonly pid: number
  /** For `nsenter --net=…`, and for another container's `network`. */
  readonly networkNamespace: string
  stdout(): string
  stderr(): string
  /** Runs a program in the container as its user, as `kubectl exec` and exec probes do. */
  exec(command: readonly string[], options?: { input?: string }): Promise<Finished>
  kill(signal?: NodeJS.Signals): Promise<void>
  /** The exit code of the first process; 128 + n when signal n ended it. */
  readonly exited: Promise<number>
  /** TERM, then KILL after the grace time, then nothing of it is left. @returns the exit code */
  stop(graceMs?: number): Promise<number>
}

interface ImageConfig {
  Env?: string[]
  Entrypoint?: string[]
  Cmd?: string[]
  User?: string
  WorkingDir?: string
}

type Unpacked = { rootfs: string; config: ImageConfig }

/** Asked once for each image in a program: comparing an image with its sources takes half a second. */
const unpacked = new Map<ImageName, Promise<Unpacked>>()

/** The unpacked files of an image, the same ones that `startImage` runs, and its configuration. */
export const ensureRootfs = (name: ImageName, log: Log): Promise<Unpacked> => {
  const known = unpacked.get(name) ?? unpack(name, log)
  unpacked.set(name, known)
  return known
}

/** Contents that no running container can still use by then. */
const KEEP_UNPACKED_MS = 3_600_000

/** The image's files in the cache, unpacked once for each content, and its configuration. */
async function unpack(name: ImageName, log: Log): Promise<Unpacked> {
  const { tar, ref, key } = (await ensureImages([name], { log }))[name]
  const folder = cached('rootfs', name)
  const rootfs = join(folder, key, 'rootfs')
  const configFile = join(folder, key, 'config.json')
  await withLock(cached('rootfs', `${name}.lock`), log, async () => {
    if (existsSync(configFile)) return
    const fresh = join(folder, `${key}.new`)
    rmSync(fresh, { recursive: true, force: true })
    mkdirSync(join(fresh, 'rootfs'), { recursive: true })
    const image = (await hasImage(ref)) ? ref : `oci-archive:${tar}`
    const container = (await buildah('from', ['--pull-never', image])).trim()
    try {
      await copyFiles(container, join(fresh, 'rootfs'))
      const { OCIv1 } = JSON.parse(await buildah('inspect', [container])) as { OCIv1: { config: ImageConfig } }
      writeFileSync(join(fresh, 'config.json'), JSON.stringify(OCIv1.config))
    } finally {
      await buildah('rm', [container])
    }
    for (const old of readdirSync(folder).map((entry) => join(folder, entry)))
      if (old !== fresh && Date.now() - statSync(old).mtimeMs > KEEP_UNPACKED_MS) rmSync(old, { recursive: true })
    renameSync(fresh, join(folder, key))
  })
  return { rootfs, config: JSON.parse(readFileSync(configFile, 'utf8')) as ImageConfig }
}

const DEVICES_AND_PROC = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
  },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  // The container's own cgroup, where a program reads its limits.
  {
    destination: '/sys/fs/cgroup',
    type: 'cgroup',
    source: 'cgroup',
    options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
  },
]

/** The OCI runtime configuration of one container. */
export function runtimeSpec(rootfs: string, config: ImageConfig, options: RunOptions, cgroup: string): unknown {
  const { network = 'own', capabilities = [], tmpfs = [], binds = [] } = options
  const [uid = 0, gid = uid] = (config.User || '0').split(':').map(Number)
  const user = options.user ?? { uid, gid }
  const inherited = options.command ? [] : (config.Cmd ?? [])
  const args = [...(options.command ?? config.Entrypoint ?? []), ...(options.args ?? inherited)]
  const env = Object.entries(options.env ?? {}).map(([key, value]) => `${key}=${value}`)
  const namespaces: { type: string; path?: string }[] = ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type }))
  if (network !== 'host')
    namespaces.push(network === 'own' ? { type: 'network' } : { type: 'network', path: network.path })
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user,
      args,
      env: [...(config.Env ?? []), ...env],
      cwd: config.WorkingDir || '/',
      // As containerd does since inheritable capabilities were found to be a hole: no inheritable, no ambient ones.
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: !options.allowPrivilegeEscalation,
    },
    root: { path: rootfs, readonly: true },
    hostname: 'image-test',
    mounts: [
      ...DEVICES_AND_PROC,
      ...tmpfs.map(({ target, sizeBytes = 64 * 1024 * 1024 }) => ({
        destination: target,
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'nodev', 'mode=1777', `size=${sizeBytes}`],
      })),
      ...binds.map(({ source, target, readOnly }) => ({
        destination: target,
        type: 'bind',
        source,
        options: ['rbind', 'rprivate', readOnly ? 'ro' : 'rw'],
      })),
    ],
    linux: {
      cgroupsPath: cgroup,
      namespaces,
      resources: {
        devices: [{ allow: false, access: 'rwm' }],
        ...(options.memoryBytes ? { memory: { limit: options.memoryBytes } } : {}),
      },
      maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware'],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
    },
  }
}

/**
 * Keeps the container's outputs apart, each a real pipe (Node's own are sockets, which `/dev/stderr` cannot be opened on), writes the exit
 * code down, and takes the container away when this program dies: then the pipe on its stdin closes.
 */
const SUPERVISOR = `
state=$1 id=$2 bundle=$3
# A shell gives its background commands /dev/null as stdin: ours is kept as 4 for the one that waits for its end.
exec 4<&0 </dev/null
{ cat <&4 >/dev/null; runc --root "$state" delete --force "$id"; rm -rf "$bundle"; } >/dev/null 2>&1 &
exec 4<&-
{ { runc --root "$state" run --bundle "$bundle" --pid-file "$bundle/pid" "$id" 3>&-; echo $? >"$bundle/exit"; } 2>&1 >&3 3>&- | cat >&2; } 3>&1 | cat`

let started = 0

/** Starts an image and returns once its first process runs. */
export async function startImage(
  name: ImageName,
  options: RunOptions = {},
  { log = () => {} }: { log?: Log } = {},
): Promise<RunningImage> {
  await requirePrograms({ runc: 'runc' })
  const { rootfs, config } = await ensureRootfs(name, log)
  const id = `${name}-${process.pid}-${++started}`
  const state = cached('run', 'runc')
  const bundle = cached('run', id)
  rmSync(bundle, { recursive: true, force: true })
  mkdirSync(bundle, { recursive: true })
  mkdirSync(state, { recursive: true })
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(runtimeSpec(rootfs, config, options, `/${id}`)))
  const runc = (...args: string[]) => attempt('runc', ['--root', state, ...args])

  const supervisor: ChildProcess = spawn('sh', ['-c', SUPERVISOR, 'sh', state, id, bundle], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const text = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const)
    supervisor[stream]!.setEncoding('utf8').on('data', (chunk: string) => {
      text[stream] += chunk
    })
  let over = false
  const exited = new Promise<number>((done) => {
    supervisor.on('close', () => {
      over = true
      const code = existsSync(join(bundle, 'exit')) ? Number(readFileSync(join(bundle, 'exit'), 'utf8')) : 255
      supervisor.stdin!.end()
      rmSync(bundle, { recursive: true, force: true })
      done(code)
    })
  })
  const pidFile = join(bundle, 'pid')
  while (!over && !(existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '')) await sleep(10)
  const pid = over ? 0 : Number(readFileSync(pidFile, 'utf8'))

  const kill = async (signal: NodeJS.Signals = 'SIGTERM') => void (await runc('kill', id, signal))
  const stop = async (graceMs = 10_000) => {
    const patience = new AbortController()
    const late = sleep(graceMs, undefined, { signal: patience.signal }).then(
      () => runc('delete', '--force', id),
      () => {},
    )
    if (!over) await kill()
    const code = await exited
    patience.abort()
    await late
    return code
  }
  options.signal?.addEventListener('abort', () => void stop(0), { once: true })
  return {
    pid,
    networkNamespace: `/proc/${pid}/ns/net`,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    exec: (args, { input = '' } = {}) => attempt('runc', ['--root', state, 'exec', id, ...args], { input }),
    kill,
    exited,
    stop,
  }
}

/** Runs an image to its end. */
export async function runImage(
  name: ImageName,
  options: RunOptions = {},
  context: { log?: Log } = {},
): Promise<Finished> {
  const running = await startImage(name, options, context)
  const code = await running.exited
  return { code, stdout: running.stdout(), stderr: running.stderr() }
}
