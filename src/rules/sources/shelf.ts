/**
 * Rules that somebody put somewhere, by name: `directory` and `configmap` both end here.
 *
 *   coreruleset-4.25.1-minimal.tar.gz + .asc     archives; of several the line chooses, as it does upstream
 *   rules/*.conf, crs-setup.conf.example …       unpacked, where no archive is there
 */
import { entryPath } from '../archive/entry-path.ts'
import { arrange } from '../archive/unpack.ts'
import { considerArchive, considerFiles, type Demands } from './candidate.ts'
import { chooseRelease } from './choose-release.ts'
import { Refusal } from './refusals.ts'
import type { FetchContext, Fetched } from './source.ts'

export type Shelf = ReadonlyMap<string, Uint8Array>

const VERSION_IN_NAME = /(\d+\.\d+\.\d+)(?:-minimal)?\.tar\.gz$/

/** The one archive meant. @throws Refusal */
const chooseArchive = (names: readonly string[], line: string | undefined): { name: string; version?: string } => {
  if (names.length === 1) return { name: names[0]! }
  const versions = new Map(names.map((name) => [VERSION_IN_NAME.exec(name)?.[1] ?? name, name]))
  const choice = chooseRelease(
    [...versions.keys()].map((tag) => ({ tag })),
    line ?? 'latest',
  )
  if (!choice.chosen) throw new Refusal('NoRelease', `${names.length} archives are there. ${choice.detail}`)
  return { name: versions.get(choice.tag)!, version: choice.version }
}

/** @throws Refusal */
export const fromShelf = async (
  shelf: Shelf,
  demands: Demands,
  { known, signal, clock }: FetchContext,
): Promise<Fetched> => {
  const archives = [...shelf.keys()].filter((name) => /\.(tar\.gz|tgz)$/.test(name)).sort()
  const at = { known, signal, now: clock.now() }
  if (archives.length > 0) {
    const { name, version } = chooseArchive(archives, demands.line)
    const offer = { bytes: shelf.get(name)!, signature: shelf.get(`${name}.asc`) }
    return considerArchive(version === undefined ? offer : { ...offer, version }, demands, at)
  }
  if (shelf.size === 0) throw new Refusal('PlaceEmpty', 'Nothing is there.')
  for (const name of shelf.keys()) {
    const path = entryPath(name, demands.limits)
    if (!path.ok) throw new Refusal(path.reason, path.detail)
  }
  const arranged = arrange(shelf, demands.layout)
  if (arranged.ok) return considerFiles(arranged, demands, at)
  const none = ![...shelf.keys()].some((name) => /\.(conf|data|rules)$/.test(name))
  throw none
    ? new Refusal('PlaceEmpty', `${shelf.size} files are there, none of them rules.`)
    : new Refusal(arranged.reason, arranged.detail)
}
