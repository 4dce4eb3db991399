/**
 * What keeps a bundle from being made, and what is told beside one that was made: a code, what it means, what mends it.
 * docs/reference/rule-bundle.md shows the same tables; a test compares. What is wrong inside a rule file has the codes of language/problem.ts.
 */
import type { ProblemCode } from '../language/problem.ts'

interface Entry {
  readonly sentence: string
  readonly remedy: string
}

export const PROBLEMS = {
  BadSetup: {
    sentence: 'A setting is not of its kind or outside of its limits.',
    remedy: 'Write a value that the message names.',
  },
  BadIdentity: {
    sentence: 'Namespace, sequence, key or version cannot stand in a manifest.',
    remedy: 'Give the value that the message asks for.',
  },
  BadRelease: {
    sentence: 'The release cannot be read as a rule set.',
    remedy: 'Take another release; the current set stays.',
  },
  BadExclusion: {
    sentence: 'An exclusion lacks a part, has one too many, or one that is not of its kind.',
    remedy: 'Give one of `rule` and `tag`, a `path`, one of `parameter`, `cookie` and `header`, and a `reason`.',
  },
  BadPath: {
    sentence: 'The path of an exclusion is none that a request can have, or leaves doubt which requests it means.',
    remedy: 'Write the path as it stands in the address, without its query: `/api/notes`, or `/api/*` for all below.',
  },
  BadTarget: {
    sentence: 'The engine cannot exclude a parameter, cookie or header of this name.',
    remedy: 'Rename it in the application, or let the platform exclude the rule for the whole path.',
  },
  TooWide: {
    sentence: 'The exclusion opens more than the platform permits, or names a rule that sets up, adds up or decides.',
    remedy: 'Name one rule from 911000 to 944999 and one parameter, cookie or header.',
  },
  UnknownRule: {
    sentence: 'No rule of the release has this id or tag.',
    remedy: 'Mend the id or tag, or take the exclusion away.',
  },
  LooksElsewhere: {
    sentence: 'The rule does not look at what is to be excluded, so the exclusion would do nothing.',
    remedy: 'Exclude what the audit record names as the matched variable.',
  },
} as const satisfies Record<string, Entry>

export const NOTES = {
  Expired: {
    sentence: 'An exclusion is over and left out.',
    remedy: 'Take it away, or set a later `expires`.',
  },
  NotLoaded: {
    sentence: 'An exclusion names a rule that is not loaded with this paranoia level or these languages.',
    remedy: 'Nothing needs to be done; it takes effect once the rule is loaded.',
  },
  GoneFromRelease: {
    sentence: 'An exclusion names a rule that this release no longer has.',
    remedy: 'Take it away.',
  },
  WeakerOnPurpose: {
    sentence: 'Rules for languages or systems that the application does not use are left out.',
    remedy: 'Nothing, if that is so; otherwise add the word to `languages`.',
  },
  NotPruned: {
    sentence:
      'The release sets the paranoia level in a way that keeps the compiler from leaving rules of higher levels out.',
    remedy: 'Nothing needs to be done; it costs memory.',
  },
} as const satisfies Record<string, Entry>

export interface CompileProblem {
  readonly code: keyof typeof PROBLEMS | ProblemCode
  /** `rules.conf:14` or `exclusions[2].path`. */
  readonly where: string
  readonly message: string
}
export interface Note {
  readonly code: keyof typeof NOTES
  /** Empty where it is about all of it. */
  readonly where: string
  readonly message: string
}

export const found = (code: keyof typeof PROBLEMS, where: string, message: string): CompileProblem => ({
  code,
  where,
  message,
})

/** `exclusions[2].path: a path begins with /, not 'api'` */
export const asLine = ({ where, message }: CompileProblem | Note): string =>
  where === '' ? message : `${where}: ${message}`
