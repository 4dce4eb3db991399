/**
 * `\p{…}`: the Unicode properties that PCRE2 knows. Names of scripts and general categories are those that JavaScript knows too, loosely
 * spelled as PCRE2 allows; the rest is PCRE2's own.
 */
const OWN = new Set(['any', 'l&', 'lc', 'xan', 'xsp', 'xps', 'xwd', 'xuc'])
const loosely = (name: string): string => name.toLowerCase().replace(/[ _-]/g, '')

const compiles = (source: string): boolean => {
  try {
    new RegExp(source, 'u')
    return true
  } catch {
    return false
  }
}

const CATEGORIES = new Set(
  'c cc cf cn co cs l ll lm lo lt lu m mc me mn n nd nl no p pc pd pe pf pi po ps s sc sk sm so z zl zp zs'.split(' '),
)

/** `old_italic` → `Old_Italic`, as JavaScript wants it. */
const titled = (name: string): string =>
  name
    .split(/[ _-]/)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1).toLowerCase())
    .join('_')

export const knownProperty = (written: string): boolean => {
  const name = written.replace(/^[ \t]*\^?/, '').trim()
  const [key, value] = name.split(/[:=]/, 2) as [string, string?]
  if (value !== undefined) {
    if (['script', 'sc', 'scriptextensions', 'scx'].includes(loosely(key)))
      return compiles(`\\p{Script=${titled(value)}}`)
    return false
  }
  return OWN.has(loosely(name)) || CATEGORIES.has(loosely(name)) || compiles(`\\p{Script=${titled(name)}}`)
}
