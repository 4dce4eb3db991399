/**
 * Which of the offered tags is taken. Never the newest by date: an LTS release, the next minor and an old major may all be tagged on one day.
 *
 *   lts     the newest 4.25.z      (supported until the third quarter of 2027)
 *   latest  the newest 4.y.z
 *   4.22    the newest 4.22.z
 *   4.25.1  that one, older or not
 */

/** The line that gets fixes only: no new rule ids, no changed behaviour. */
export const LTS_LINE = '4.25'
/** Another major changes names that the setup and the exclusions are written in. */
export const MAJOR = 4

export interface Tag {
  readonly tag: string
  readonly draft?: boolean
  readonly prerelease?: boolean
}
type Version = readonly [major: number, minor: number, patch: number]

export type Choice =
  | { readonly chosen: true; readonly tag: string; readonly version: string; readonly line: string }
  | { readonly chosen: false; readonly detail: string }

const NUMBER = '(0|[1-9][0-9]{0,4})'
const VERSION = new RegExp(`^v?${NUMBER}\\.${NUMBER}\\.${NUMBER}$`)

/** `4.25.1` or `v4.25.1`; undefined for everything else, `4.25.1-rc1` and `04.25.1` included. */
export const parseVersion = (text: string): Version | undefined => {
  const hit = VERSION.exec(text)
  return hit ? [Number(hit[1]), Number(hit[2]), Number(hit[3])] : undefined
}

/** Negative when `a` comes before `b`. What is no version comes before every version. */
export const compareVersions = (a: string, b: string): number => {
  const [x, y] = [parseVersion(a) ?? [-1, 0, 0], parseVersion(b) ?? [-1, 0, 0]]
  return x[0] - y[0] || x[1] - y[1] || x[2] - y[2]
}

export const lineOf = (version: string): string => version.replace(/^v/, '').split('.').slice(0, 2).join('.')

/** Whether `policy` names one version, so that going back to it is what was meant. */
export const isPinned = (policy: string): boolean => parseVersion(policy) !== undefined

/** Whether a version lies on the line that `policy` names. */
export const isOnLine = (version: string, policy: string): boolean => {
  const parsed = parseVersion(version)
  if (!parsed || parsed[0] !== MAJOR) return false
  if (policy === 'latest') return true
  if (isPinned(policy)) return compareVersions(version, policy) === 0
  return lineOf(version) === (policy === 'lts' ? LTS_LINE : policy)
}

/** The highest tag on the line; drafts and pre-releases never, whatever their names. */
export const chooseRelease = (tags: readonly Tag[], policy: string): Choice => {
  const released = tags.filter(({ draft, prerelease }) => !draft && !prerelease)
  const [best] = released
    .filter(({ tag }) => isOnLine(tag, policy))
    // Of `v4.25.0` and `4.25.0` the one with the v, which is how upstream writes it.
    .sort((a, b) => compareVersions(b.tag, a.tag) || Number(b.tag.startsWith('v')) - Number(a.tag.startsWith('v')))
  if (best) {
    const version = best.tag.replace(/^v/, '')
    return { chosen: true, tag: best.tag, version, line: lineOf(version) }
  }
  const lines = [
    ...new Set(
      released
        .map(({ tag }) => tag)
        .filter(parseVersion)
        .map(lineOf),
    ),
  ]
  const offered = lines.sort((a, b) => compareVersions(`${b}.0`, `${a}.0`)).slice(0, 5)
  const of = policy === 'lts' ? `lts (${LTS_LINE}.x)` : policy
  return {
    chosen: false,
    detail: `None of ${tags.length} tags is on the line ${of}; lines offered: ${offered.join(', ') || 'none'}.`,
  }
}
