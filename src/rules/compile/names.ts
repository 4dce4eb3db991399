/**
 * Names of files in a bundle, which is flat, and the order in which the WAF loads them: `custom-*`, then `REQUEST-*`, then `RESPONSE-*`, each
 * by name (sort_rules in waf/lib/render.sh; a test holds the two together).
 *
 *     custom-001-rules.conf             before: the namespace's own
 *     REQUEST-900-10-SETUP.conf         what the policy says
 *     REQUEST-900-20-EXCLUSIONS.conf
 *     REQUEST-900-30-x-config.conf      plugins of the release
 *     REQUEST-901-INITIALIZATION.conf   the release …
 *     RESPONSE-980-CORRELATION.conf
 *     RESPONSE-999-10-x-after.conf
 *     RESPONSE-999-20-001-rules.conf    after: the namespace's own
 */
export const SETUP_FILE = 'REQUEST-900-10-SETUP.conf'
export const EXCLUSIONS_FILE = 'REQUEST-900-20-EXCLUSIONS.conf'
export const MANIFEST_FILE = 'manifest'
export const SIGNATURE_FILE = 'manifest.sig'
export const CA_FILE = 'ca.crt'

const SAFE = /^[A-Za-z0-9][A-Za-z0-9._-]*$/
const RULES = /^(?:REQUEST|RESPONSE)-\d{3}-[A-Za-z0-9._-]+\.conf$/

/** A file of a release: its name in the bundle; `other` is no part of the rules; `unknown` would be, but has no place in the order. */
export type Place = { readonly kind: 'rules' | 'data'; readonly name: string } | { readonly kind: 'other' | 'unknown' }

export function placeOf(path: string): Place {
  const [, folder, name = ''] = /^(rules|plugins)\/([^/]+)$/.exec(path) ?? []
  if (folder === undefined || !/\.(?:conf|data)$/.test(name)) return { kind: 'other' }
  if (!SAFE.test(name)) return { kind: 'unknown' }
  if (name.endsWith('.data')) return { kind: 'data', name }
  if (folder === 'rules') return RULES.test(name) ? { kind: 'rules', name } : { kind: 'unknown' }
  if (name.endsWith('-config.conf')) return { kind: 'rules', name: `REQUEST-900-30-${name}` }
  if (name.endsWith('-before.conf')) return { kind: 'rules', name: `REQUEST-900-40-${name}` }
  return name.endsWith('-after.conf') ? { kind: 'rules', name: `RESPONSE-999-10-${name}` } : { kind: 'unknown' }
}

const numbered = (prefix: string) => (index: number, name: string) =>
  `${prefix}${String(index + 1).padStart(3, '0')}-${name
    .replace(/\.conf$/, '')
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .slice(-60)}.conf`
export const beforeName = numbered('custom-')
export const afterName = numbered('RESPONSE-999-20-')
export const isCustom = (name: string): boolean => /^(?:custom|RESPONSE-999-20)-/.test(name)

const rank = (name: string): number => (name.startsWith('custom-') ? 1 : name.startsWith('REQUEST-') ? 2 : 3)
/** By code unit, the same everywhere. */
export const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
/** Rule files in the order of loading. */
export const inLoadOrder = (names: Iterable<string>): string[] =>
  [...names].filter((name) => name.endsWith('.conf')).sort((a, b) => rank(a) - rank(b) || byName(a, b))
