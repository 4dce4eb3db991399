/** The story's cluster on this machine: real Kubernetes and our images, built or taken from the cache side by side. */
import { startShared } from '../cluster/attach.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { ensureImages } from '../images/build.ts'
import { IMAGES } from '../images/places.ts'
import { IMAGE_DEFAULT, type Station } from './station.ts'

export interface NewCluster {
  readonly station: Station
  readonly cluster: Cluster
}

export async function startNewCluster(
  name: string,
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<NewCluster> {
  const [cluster, images] = await Promise.allSettled([
    startShared({ size: 'node', name, log, ...(signal && { signal }) }),
    ensureImages(IMAGES, { log }),
  ])
  if (cluster.status === 'rejected') throw cluster.reason
  if (images.status === 'rejected') {
    await cluster.value.stop()
    throw images.reason
  }
  try {
    await cluster.value.importImages(IMAGES.map((image) => images.value[image].tar))
  } catch (error) {
    await cluster.value.stop()
    throw error
  }
  return { cluster: cluster.value, station: stationOf(cluster.value) }
}

const stationOf = (cluster: Cluster): Station => ({
  about: `Kubernetes on this machine, ${cluster.apiServer}`,
  images: {
    prefix: process.env['IMAGE_PREFIX'] || IMAGE_DEFAULT.prefix,
    tag: process.env['VERSION'] || IMAGE_DEFAULT.tag,
  },
  // The bridge to the Pods: the node has no network card that something else could come in by.
  interfaces: 'cni0',
  dns: false,
  kubectl: (args, options) => cluster.kubectl(args, options),
})
