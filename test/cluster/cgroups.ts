/**
 * The cgroups of a cluster's nodes, in every hierarchy of cgroup v1 or the single one of v2. They are the one thing that outlives a
 * node's namespaces, so their names carry the keeper's process id and a dead keeper's are taken away by the next start.
 */
import { readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { exists } from './cache.ts'
import { isKeeper } from './sweep.ts'

const ROOT = '/sys/fs/cgroup'
const PREFIX = 'sekisho-lab-'

/** The name of a node's cgroup, for kubelet's `cgroupRoot`. */
export const cgroupName = (keeper: number, cluster: string, node: string): string =>
  `${PREFIX}${keeper}-${cluster}-${node}`

/** The mount points of the hierarchies: one in v2, several in v1 (links such as `cpu` → `cpu,cpuacct` counted once). */
function hierarchies(): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  return mounts.filter((line) => / cgroup2? /.test(line)).map((line) => line.split(' ')[1]!)
}

/** Makes the cgroup everywhere, so that several kubelets can share a machine. */
export async function makeCgroups(name: string): Promise<void> {
  for (const hierarchy of hierarchies()) {
    const folder = join(hierarchy, name)
    await mkdir(folder, { recursive: true })
    // A cpuset of v1 starts empty, and nothing can be put into an empty one.
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      if (await exists(join(folder, file)))
        await writeFile(join(folder, file), await readFile(join(hierarchy, file), 'utf8')).catch(() => {})
  }
}

/** Takes away the cgroups of a keeper, and of keepers that are no more. Returns those that stayed. */
export async function removeCgroups(keeper: number): Promise<string[]> {
  let left: string[] = []
  // The kernel empties a cgroup a little after the last process is gone.
  for (let attempt = 0; attempt < 50; attempt++) {
    left = hierarchies().flatMap((hierarchy) => removeIn(hierarchy, keeper))
    if (left.length === 0) break
    await sleep(100)
  }
  return left
}

function removeIn(hierarchy: string, keeper: number): string[] {
  return folders(hierarchy)
    .filter((name) => {
      const owner = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1])
      return owner === keeper || (owner > 0 && !isKeeper(owner))
    })
    .flatMap((name) => removeTree(join(hierarchy, name), keeper))
}

/** rmdir from the leaves up. Only our own are reported: another keeper's leftovers are a kindness, not a duty. */
function removeTree(folder: string, keeper: number): string[] {
  const left = folders(folder).flatMap((name) => removeTree(join(folder, name), keeper))
  try {
    rmdirSync(folder)
  } catch (error) {
    const gone = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (!gone && folder.includes(`${PREFIX}${keeper}-`)) left.push(folder)
  }
  return left
}

function folders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}

/** The cgroups of labs on this machine, of one cluster where its name is given, for the check that nothing stays. */
export const labCgroups = (cluster = ''): string[] =>
  [...new Set([ROOT, ...hierarchies()])].flatMap((hierarchy) =>
    folders(hierarchy)
      .filter((name) => new RegExp(`^${PREFIX}\\d+-${cluster}`).test(name))
      .map((name) => join(hierarchy, name)),
  )
