/**
 * What an application may be made of, and the tags by which a rule says that it looks for nothing else. With `languages` given, rules for words
 * that are not in it are left out: 10 to 20 % of the CPU, and weaker on purpose. Rules for shells, LDAP and several languages always stay.
 */
import type { CatalogueRule } from '../language/catalogue.ts'

interface Word {
  readonly tags: readonly string[]
  /** For people. */
  readonly what: string
}

export const LANGUAGES: Readonly<Record<string, Word>> = {
  aspnet: { tags: ['language-aspnet'], what: 'ASP.NET' },
  java: { tags: ['language-java'], what: 'Java' },
  javascript: { tags: ['language-javascript'], what: 'JavaScript on the server (Node.js)' },
  perl: { tags: ['language-perl'], what: 'Perl' },
  php: { tags: ['language-php'], what: 'PHP' },
  ruby: { tags: ['language-ruby'], what: 'Ruby' },
  windows: { tags: ['platform-windows', 'language-powershell'], what: 'Windows under the application' },
}

const tagged = (rule: CatalogueRule, prefix: string): string[] => rule.tags.filter((tag) => tag.startsWith(prefix))

/** The words a rule is for; empty: for everybody. */
export function wordsOf(rule: CatalogueRule): string[] {
  const platforms = tagged(rule, 'platform-')
  const languages = tagged(rule, 'language-')
  if (platforms.length > 0 && platforms.every((tag) => tag === 'platform-windows')) {
    // A shell of Windows; `language-multi` there is about files of the web server.
    if (languages.length > 0 && languages.every((tag) => tag === 'language-shell' || tag === 'language-powershell'))
      return ['windows']
  }
  const words = languages.map((tag) => Object.keys(LANGUAGES).find((word) => LANGUAGES[word]!.tags.includes(tag)))
  return words.every((word) => word !== undefined) ? words : []
}

/** Whether nothing of what the application uses is looked for by the rule. */
export const isForOthers = (rule: CatalogueRule, used: ReadonlySet<string>): boolean => {
  const words = wordsOf(rule)
  return words.length > 0 && words.every((word) => !used.has(word))
}
