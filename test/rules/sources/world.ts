/** An upstream, a key, a client and the sources that a configuration makes of them: what each test of a source begins with. */
import type { Test } from 'tap'
import { rulesConfig } from '../../../src/config/rules.ts'
import type { ConfigMapView } from '../../../src/rules/sources/configmap.ts'
import { createSources, httpFor } from '../../../src/rules/sources/from-config.ts'
import type { Clock, Fetched, Known, RuleSource } from '../../../src/rules/sources/source.ts'
import { newSigner, signed } from './signing.ts'
import { startUpstream } from './upstream.ts'

/** Settings as a file may have them, without `sources:`. */
export type Given = Record<string, unknown>

export const startWorld = async (t: Test) => {
  const upstream = await startUpstream()
  t.teardown(() => upstream.close())
  const signer = await newSigner()
  const files = new Map([['/keys.asc', signer.publicText]])
  const configMaps = new Map<string, ConfigMapView>()
  const around = {
    async readFile(path: string) {
      const text = files.get(path)
      if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' })
      return text
    },
    configMaps: { read: async (namespace: string, name: string) => configMaps.get(`${namespace}/${name}`) },
  }
  const github = { api: upstream.address, downloads: upstream.address }
  const usual = { keyFile: '/keys.asc', fingerprints: [signer.fingerprint] }

  const settingsOf = (given: { crs?: Given; ids?: Given; limits?: Given; http?: Given }) =>
    rulesConfig.parse({ sources: { ...given, crs: { github, ...usual, ...given.crs } } }).sources

  return {
    upstream,
    signer,
    files,
    configMaps,
    sources: (given: Parameters<typeof settingsOf>[0] = {}) => createSources(settingsOf(given), around),
    /** Asks one source once. */
    async fetch(
      given: Parameters<typeof settingsOf>[0] & {
        of?: 'crs' | 'ids'
        known?: Known
        now?: number
        ca?: string
        env?: NodeJS.ProcessEnv
      } = {},
    ): Promise<Fetched> {
      const { of = 'crs', known, now = Date.now(), ca = upstream.ca, env = {}, ...rest } = given
      const settings = settingsOf(rest)
      const http = httpFor(settings, { env, userAgent: 'sekisho/test', ca })
      const clock: Clock = { now: () => now, sleep: () => Promise.reject(new Error('a source does not sleep')) }
      const source = createSources(settings, around)[of] as RuleSource
      try {
        return await source.fetch({ known, signal: new AbortController().signal, clock, http })
      } finally {
        await http.close()
      }
    },
    sign: (bytes: Uint8Array) => signed(bytes, signer),
  }
}
export type World = Awaited<ReturnType<typeof startWorld>>
