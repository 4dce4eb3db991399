/**
 * Clusters that outlive the program that started them. Their state is a file, $CACHE/run/NAME.json, written by the keeper when the
 * cluster is ready and removed when it is gone; whoever reads it can use the cluster and end it.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cacheFolder, exists } from './cache.ts'
import { Cluster } from './cluster.ts'
import type { ClusterState } from './spec.ts'
import { launch, type StartOptions, specOf } from './start.ts'
import { isKeeper } from './sweep.ts'

const folder = (): string => join(cacheFolder(), 'run')
const stateFile = (name: string): string => join(folder(), `${name}.json`)

type Named = StartOptions & { readonly name: string }

/** Starts a cluster that ends with this program at the latest; others can attach to it, and end it earlier. */
export async function startShared(options: Named): Promise<Cluster> {
  const running = await attachCluster(options.name)
  if (running) throw new Error(`Cannot start the cluster ${options.name}: it runs already; end it first`)
  await mkdir(folder(), { recursive: true })
  return new Cluster(await launch(await specOf(options, stateFile(options.name)), options))
}

/** Starts a cluster that lives until `stop()` of it, or of one attached to it, is called: also after this program ended. */
export async function startLasting(options: Named): Promise<Cluster> {
  const shared = await startShared(options)
  shared.release()
  return (await attachCluster(options.name))!
}

/** The running cluster of that name, or nothing. */
export async function attachCluster(name: string): Promise<Cluster | undefined> {
  const text = await readFile(stateFile(name), 'utf8').catch(() => '')
  if (text === '') return undefined
  const state = JSON.parse(text) as ClusterState
  if (!isKeeper(state.keeper)) {
    // It was killed; the next start takes its work folder away.
    await rm(stateFile(name), { force: true })
    return undefined
  }
  return new Cluster({
    state,
    stop: () => endKeeper(state),
    release: () => {},
    join: (node) => Promise.reject(new Error(`Cannot let ${node} join: only who started the cluster ${name} can`)),
  })
}

/** Names of the clusters that run now. */
export async function runningClusters(): Promise<string[]> {
  const files = await readdir(folder()).catch(() => [])
  const names = files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length))
  const found = await Promise.all(names.map(attachCluster))
  return names.filter((_, index) => found[index] !== undefined).sort()
}

async function endKeeper({ keeper, name, work }: ClusterState): Promise<void> {
  process.kill(keeper, 'SIGTERM')
  for (let attempt = 0; isKeeper(keeper); attempt++) {
    if (attempt > 1200)
      throw new Error(`Cannot end the cluster ${name}: its keeper (process ${keeper}, ${work}) still runs after 60 s`)
    await sleep(50)
  }
  if (await exists(stateFile(name))) throw new Error(`Ending the cluster ${name}: its state is still there`)
}
