/** The fleet that `rules-fleet` plays: names, addresses and messages that its three programs share. */

/** As many Pods share a namespace, and so a bundle. */
const PODS_A_NAMESPACE = 20
/** What a compiled CRS at paranoia level 1 packs to. */
export const BUNDLE_BYTES = 100 * 1024
export const ISSUER = 'https://kubernetes.default.svc.cluster.local'

export const podOf = (i: number) => ({
  namespace: `team-${Math.floor(i / PODS_A_NAMESPACE)}`,
  name: `web-${i}`,
  uid: `${i.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`,
})
/** Each Pod speaks from an address of its own, as in a cluster. */
export const addressOf = (i: number): string => `127.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`

export const generationOf = (release: number, namespace: string): string =>
  `crs-4.25.${release}-${Buffer.from(`${release}/${namespace}`).toString('hex').padEnd(16, '0').slice(0, 16)}`

/** What the driver gives both in a file. */
export interface World {
  readonly pods: number
  readonly tls: string
  readonly caPem: string
  readonly kid: string
  /** PKCS 8, PEM. */
  readonly privateKey: string
  readonly jwk: object
  readonly poll: { readonly pollsPerSecond: number; readonly lowestSeconds: number; readonly highestSeconds: number }
}

export type ToServer = 'publish' | 'usage'
export interface Usage {
  readonly cpuSeconds: number
  /** MiB. */
  readonly memory: number
  readonly peak: number
  readonly heard: number
}

export type ToUpdaters = { readonly start: number } | 'stop' | { readonly floodMs: number }
export interface Polled {
  /** Of each poll, from before the connection until the answer is read. */
  readonly ms: number[]
  /** `503 Overloaded`, `ECONNRESET`: how often. */
  readonly failures: Readonly<Record<string, number>>
  readonly seconds: number
}
/** Told once a second while they poll. */
export interface Progress {
  readonly polls: number
  readonly failed: number
  /** Pods whose last bundle is of this release, by release. */
  readonly updated: Readonly<Record<number, number>>
}
