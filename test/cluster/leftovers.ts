/**
 * Proof that a cluster leaves nothing behind: a snapshot of what the machine shows before, and what is there afterwards that was not.
 *
 *   const before = await snapshot(); …; await cluster.stop(); leftovers(before, await snapshot()) → []
 *
 * A process is the lab's when its command line names a work folder, its environment carries the lab's mark, or its cgroup is the lab's:
 * so other work on the same machine is no false alarm. A name narrows it to one cluster. Firewall, interfaces, settings and the folders
 * which container tools litter are the machine's, whoever changed them.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
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
  'net/netfilter/nf_conntrack_max',
  'net/bridge/bridge-nf-call-iptables',
]
const LITTERED = [
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
]

/** Looks at the machine; `name` narrows what is the lab's to one cluster. */
export async function snapshot(name = ''): Promise<Snapshot> {
  const mark = name === '' ? '' : `${name}-`
  return new Set([
    ...processes(`/sekisho-lab-${mark}`, name),
    ...mounts(`/sekisho-lab-${mark}`),
    ...list(tmpdir()).flatMap((file) =>
      file.startsWith(`sekisho-lab-${mark}`) ? [`folder ${join(tmpdir(), file)}`] : [],
    ),
    ...labCgroups(name).map((path) => `cgroup ${path}`),
    ...SYSCTLS.map((key) => `sysctl ${key} = ${read(`/proc/sys/${key}`).trim()}`),
    ...LITTERED.flatMap((folder) => list(folder).map((file) => `file ${join(folder, file)}`)),
    ...list('/sys/class/net').map((device) => `interface ${device}`),
    ...(await ruleset()),
  ])
}

/** What is there now and was not before, one line each, sorted. */
export const leftovers = (before: Snapshot, after: Snapshot): string[] =>
  [...after].filter((line) => !before.has(line)).sort()

/** The lab's processes, and the network namespaces they live in. */
function processes(work: string, name: string): string[] {
  const own = link('/proc/self/ns/net')
  return list('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return []
    const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()
    const environment = read(`/proc/${pid}/environ`).split('\0')
    const marked = environment.some((line) =>
      name === '' ? line.startsWith('SEKISHO_LAB=') : line === `SEKISHO_LAB=${name}`,
    )
    const grouped = new RegExp(`/sekisho-lab-\\d+-${name}`).test(read(`/proc/${pid}/cgroup`))
    if (!command.includes(work) && !marked && !grouped) return []
    const network = link(`/proc/${pid}/ns/net`)
    const inside = network === '' || network === own ? [] : [`network namespace ${network}`]
    return [`process ${pid} ${command.slice(0, 160)}`, ...inside]
  })
}

/** Mounts that are seen from outside the nodes, where none of theirs may be. */
function mounts(work: string): string[] {
  const points = read('/proc/self/mountinfo')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
  return points.flatMap((at) => (at.includes(work) || at.includes('/netns/') ? [`mount ${at}`] : []))
}

async function ruleset(): Promise<string[]> {
  const { code, stdout } = await run('nft', ['list', 'ruleset'])
  const lines = code === 0 ? stdout.split('\n').map((line) => line.trim()) : []
  return lines.filter((line) => line !== '' && line !== '}').map((line) => `firewall ${line}`)
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
