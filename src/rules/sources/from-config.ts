/** The sources that a configuration asks for. Files (keys, tokens) are read anew for each fetch, so that what is rotated is used. */

import type { SourcesSettings } from '../../config/rules.ts'
import type { Layout } from '../archive/layout.ts'
import { crsLayout } from '../archive/layouts/crs.ts'
import { idsLayout } from '../archive/layouts/ids.ts'
import type { Demands } from './candidate.ts'
import { type ConfigMapReader, configMap } from './configmap.ts'
import { directory } from './directory.ts'
import { githubRelease } from './github-release.ts'
import { createHttp } from './http.ts'
import { httpsArchive } from './https-archive.ts'
import { trustedKeys } from './keys.ts'
import { Refusal } from './refusals.ts'
import { type RuleSource, ruleSource } from './source.ts'
import type { Trust } from './trust.ts'

export interface Surroundings {
  /** UTF-8 text of a file. */
  readFile(path: string): Promise<string>
  readonly configMaps: ConfigMapReader
}

type Part = SourcesSettings['crs'] | SourcesSettings['ids']

const trustOf = (part: Part, { readFile }: Pick<Surroundings, 'readFile'>): Trust => {
  if (part.verify === 'none') return { by: 'none' }
  if (part.verify === 'sha256') return { by: 'sha256', sha256: part.sha256 }
  return {
    by: 'signature',
    async keys() {
      const text =
        part.keyFile === ''
          ? ''
          : await readFile(part.keyFile).catch((cause: unknown) => {
              throw new Refusal(
                'NoKey',
                `Cannot read ${part.keyFile}: ${(cause as NodeJS.ErrnoException).code ?? cause}.`,
                { cause },
              )
            })
      return trustedKeys(text, part.fingerprints)
    },
  }
}

/** While there is no release, nothing is fetched that could not be believed: looking for the key alone costs upstream nothing. */
const keyFirst = (source: RuleSource, { trust }: Demands): RuleSource =>
  trust.by !== 'signature'
    ? source
    : ruleSource(source.kind, source.name, async (context) => {
        if (context.known === undefined) await trust.keys()
        return source.fetch(context)
      })

const tokenOf = (file: string, { readFile }: Surroundings) =>
  file === ''
    ? {}
    : {
        token: async () => {
          const text = await readFile(file).catch((cause: unknown) => {
            throw new Refusal(
              'Unauthorized',
              `Cannot read ${file}: ${(cause as NodeJS.ErrnoException).code ?? cause}.`,
              { cause },
            )
          })
          return text.trim()
        },
      }

/** What `from: archive`, `directory` and `configmap` mean, the same for both kinds. */
const elsewhere = (part: Part, demands: Demands, settings: SourcesSettings, around: Surroundings): RuleSource => {
  const { downloadBytes } = settings.limits
  if (part.from === 'directory') return directory(part.directory, demands)
  if (part.from === 'configmap') return configMap({ ...part.configMap, reader: around.configMaps }, demands)
  const { address, signatureAddress, tokenFile } = part.archive
  const signature = signatureAddress === '' ? {} : { signatureAddress }
  return httpsArchive({ address, ...signature, downloadBytes, ...tokenOf(tokenFile, around) }, demands)
}

const placeOf = (part: Part): string =>
  part.from === 'directory'
    ? part.directory.path
    : part.from === 'configmap'
      ? `ConfigMap ${part.configMap.namespace}/${part.configMap.name}`
      : 'archive'

/** What a kept archive of the CRS is held to when it is read again; its line was judged when it came. */
export const keptDemands = (
  { crs, limits }: SourcesSettings,
  around: Pick<Surroundings, 'readFile'>,
): Pick<Demands, 'trust' | 'layout' | 'limits'> => ({ trust: trustOf(crs, around), layout: crsLayout, limits })

/** The same for the archive of IDS rules. */
export const keptIdsDemands = (
  { ids }: SourcesSettings,
  around: Pick<Surroundings, 'readFile'>,
): Pick<Demands, 'trust'> => ({ trust: trustOf(ids, around) })

/** `ids` is absent with `ids.from: none`. */
export const createSources = (
  settings: SourcesSettings,
  around: Surroundings,
): { crs: RuleSource; ids?: RuleSource } => {
  const { crs, ids, limits } = settings
  const demands = (layout: Layout, part: Part, source: string): Omit<Demands, 'minimumRules' | 'shrinkPercent'> => ({
    source,
    layout,
    limits,
    trust: trustOf(part, around),
  })
  const forCrs = (source: string): Demands => ({
    ...demands(crsLayout, crs, source),
    line: crs.line,
    // Any CRS of this major has some 500 rules; a release with far fewer is no release. Between releases tenths come and go.
    minimumRules: 100,
    shrinkPercent: 50,
  })
  const { downloadBytes } = limits
  const crsDemands = forCrs(`CRS from ${crs.from === 'github' ? crs.github.repository : placeOf(crs)} (${crs.line})`)
  const crsSource = keyFirst(
    crs.from === 'github'
      ? githubRelease(
          { ...crs.github, ...tokenOf(crs.github.tokenFile, around), line: crs.line, downloadBytes },
          crsDemands,
        )
      : elsewhere(crs, crsDemands, settings, around),
    crsDemands,
  )
  if (ids.from === 'none') return { crs: crsSource }
  const forIds: Demands = {
    ...demands(idsLayout, ids, `IDS rules from ${placeOf(ids)}`),
    minimumRules: ids.minimumRules,
    shrinkPercent: ids.shrinkPercent,
  }
  return { crs: crsSource, ids: keyFirst(elsewhere(ids, forIds, settings, around), forIds) }
}

/** The one client for all sources. */
export const httpFor = (
  { http }: SourcesSettings,
  { env, userAgent, ca }: { env: NodeJS.ProcessEnv; userAgent: string; ca?: string },
) =>
  createHttp({
    env,
    userAgent,
    timeoutMs: http.timeoutSeconds * 1000,
    plainOnLoopback: http.plainOnLoopback,
    ...(ca === undefined ? {} : { ca }),
  })
