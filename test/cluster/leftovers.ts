/**
 * Proof that a cluster leaves nothing behind: a snapshot of what the machine shows before, and what is there afterwards that was not.
 * Only what a lab could have made counts, so that colleagues' work on the same machine is no false alarm: processes and mounts that name
 * a lab's work folder, a shim or a part; everything in the folders containers are known to litter; firewall rules; the sysctls.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { labCgroups } from './cgroups.ts'
import { run } from './run.ts'

/** Each finding is one line: what it is and its name. */
export type Snapshot = ReadonlySet<string>

const SYSCTLS = [
  'vm/overcommit_memory',
  'kernel/panic',
  'kernel/panic_on_oops',
  'net/ipv4/ip_forward',
  'fs/inotify/max_user_instances',
]
const FOLDERS = [
  '/run/netns',
  '/run/containerd',
  '/run/runc',
  '/var/lib/cni',
  '/var/lib/kubelet',
  '/var/lib/containerd',
  '/var/log/containers',
  '/var/log/pods',
  '/opt/containerd',
  '/opt/cni',
  '/etc/cni/net.d',
  '/usr/libexec/kubernetes',
  '/run/flannel',
]
const PARTS = /(^|\/)(etcd|kube-[a-z-]+|kubelet|containerd|containerd-shim-runc-v2|kwok|pause)$/

/** Looks at the machine. `work` narrows processes, mounts and temporary folders to one lab; without it every lab counts. */
export async function snapshot(work = '/sekisho-'): Promise<Snapshot> {
  return new Set([
    ...processes(work),
    ...namespaces(),
    ...mounts(work),
    ...labCgroups().map((path) => `cgroup ${path}`),
    ...SYSCTLS.map((name) => `sysctl ${name} = ${read(`/proc/sys/${name}`).trim()}`),
    ...FOLDERS.flatMap((folder) => list(folder).map((name) => `file ${join(folder, name)}`)),
    ...list('/sys/class/net').map((name) => `interface ${name}`),
    ...(await ruleset()),
  ])
}

/** What is there now and was not before, one line each, sorted. */
export const leftovers = (before: Snapshot, after: Snapshot): string[] =>
  [...after].filter((line) => !before.has(line)).sort()

const pids = (): string[] => list('/proc').filter((name) => /^\d+$/.test(name))

function processes(work: string): string[] {
  return pids().flatMap((pid) => {
    const argv = read(`/proc/${pid}/cmdline`).split('\0')
    const ours = PARTS.test(argv[0] ?? '') || argv.some((word) => word.includes(work))
    return ours ? [`process ${pid} ${argv.join(' ').slice(0, 120)}`] : []
  })
}

/** Network namespaces that a part or a container lives in: any other than ours and named by no earlier process is found by difference. */
function namespaces(): string[] {
  return pids().flatMap((pid) => {
    const name = link(`/proc/${pid}/ns/net`)
    return name === '' || name === link('/proc/self/ns/net') ? [] : [`network namespace ${name}`]
  })
}

function mounts(work: string): string[] {
  const lines = read('/proc/self/mountinfo').split('\n')
  return lines
    .map((line) => line.split(' ')[4] ?? '')
    .flatMap((at) => (at.includes(work) || /netns|overlay/.test(at) ? [`mount ${at}`] : []))
}

async function ruleset(): Promise<string[]> {
  const { code, stdout } = await run('nft', ['list', 'ruleset'])
  return code === 0
    ? stdout
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => `firewall ${line.trim()}`)
    : []
}

const read = (path: string): string => attempt(() => readFileSync(path, 'utf8')) ?? ''
const link = (path: string): string => attempt(() => readlinkSync(path)) ?? ''
const list = (path: string): string[] => attempt(() => readdirSync(path)) ?? []

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
