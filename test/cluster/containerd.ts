/**
 * containerd 2 with its shim and ctr, taken from Debian's package of the release in which it is new enough, unpacked into the cache.
 * The machine's own package lists and sources stay as they are: apt works in a folder of its own, on the mirror the machine already
 * uses. runc, the CNI plugins and nft are small and old enough to come from the machine's own release.
 */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EnsureOptions } from './binaries.ts'
import { cacheFolder, exists, withLock } from './cache.ts'
import { must } from './run.ts'

const SUITE = 'forky'
const BINARIES = ['containerd', 'containerd-shim-runc-v2', 'ctr']

/** Where Debian's runc and CNI plugins are, and the packages that bring what a node calls. */
export const CNI_FOLDER = '/usr/lib/cni'
const NEEDS: Readonly<Record<string, string>> = {
  '/usr/sbin/runc': 'runc',
  [`${CNI_FOLDER}/bridge`]: 'containernetworking-plugins',
  '/usr/sbin/nft': 'nftables',
  '/usr/sbin/iptables': 'iptables',
  '/usr/sbin/conntrack': 'conntrack',
}

/** Returns the paths of containerd, its shim and ctr after fetching them where they are missing. */
export async function ensureContainerd({
  log = () => {},
  signal,
}: EnsureOptions = {}): Promise<Record<string, string>> {
  await checkMachine()
  const home = join(cacheFolder(), 'bin', `containerd-${SUITE}-${process.arch}`)
  const fetchOnce = async () => {
    if (await exists(home)) return
    log(`containerd: fetching Debian's package of ${SUITE}`)
    await fetchPackage(home, signal)
  }
  if (!(await exists(home))) await withLock(`${home}.lock`, fetchOnce)
  return Object.fromEntries(BINARIES.map((name) => [name, join(home, 'usr', 'bin', name)]))
}

async function checkMachine(): Promise<void> {
  const missing: string[] = []
  for (const [path, name] of Object.entries(NEEDS)) if (!(await exists(path))) missing.push(name)
  if (process.getuid?.() !== 0)
    throw new Error(
      'Cannot start a node: namespaces, mounts and cgroups need root. Run the same as root, e.g. with sudo',
    )
  if (missing.length > 0)
    throw new Error(
      `Cannot start a node: packages are missing: ${missing.join(', ')}. As root: apt-get install ${missing.join(' ')}`,
    )
}

async function fetchPackage(home: string, signal: AbortSignal | undefined): Promise<void> {
  const options = signal ? { signal } : {}
  await mkdir(join(home, '..'), { recursive: true })
  const work = await mkdtemp(`${home}.`)
  try {
    for (const folder of ['lists/partial', 'cache/archives/partial', 'root'])
      await mkdir(join(work, folder), { recursive: true })
    const sources = join(work, 'sources.list')
    await writeFile(sources, `deb ${await debianMirror()} ${SUITE} main\n`)
    const own = [
      `Dir::Etc::sourcelist=${sources}`,
      'Dir::Etc::sourceparts=-',
      `Dir::State::lists=${join(work, 'lists')}`,
      `Dir::Cache=${join(work, 'cache')}`,
      // A machine may see a snapshot of the archive, whose Release file says that its time is over.
      'Acquire::Check-Valid-Until=false',
      'Acquire::Languages=none',
      'APT::Sandbox::User=root',
    ].flatMap((setting) => ['-o', setting])
    await must('apt-get', [...own, 'update'], options)
    await must('apt-get', [...own, 'download', `containerd/${SUITE}`], { ...options, cwd: work })
    await must('sh', ['-c', 'dpkg -x containerd_*.deb root'], { ...options, cwd: work })
    await must(join(work, 'root', 'usr', 'bin', 'containerd'), ['--version'], options)
    await rename(join(work, 'root'), home)
  } catch (error) {
    throw new Error(`Cannot fetch containerd from Debian ${SUITE}: ${(error as Error).message}`)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** The mirror from which the machine gets its own release. */
async function debianMirror(): Promise<string> {
  const release = /^VERSION_CODENAME="?([a-z]+)/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1]
  const format = ['--format', '$(RELEASE) $(REPO_URI) $(ORIGIN)', 'Created-By: Packages']
  const sources = (await must('apt-get', ['indextargets', ...format])).split('\n').map((line) => line.split(' '))
  const ofRelease = sources.filter(([name]) => name === release)
  // The origin is known only once the lists were fetched; others than Debian may serve a suite of the same name.
  const uri = (ofRelease.find(([, , origin]) => origin === 'Debian') ?? ofRelease[0])?.[1]
  if (uri === undefined)
    throw new Error(
      `no apt source of this machine serves its release (${release}); \`apt-get indextargets\` lists them`,
    )
  return uri
}
