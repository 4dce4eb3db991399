/** What each check is given. A check is a function of it that tells problems. */
import type { Catalogue } from '../catalogue.ts'
import type { RuleFile } from '../nodes.ts'
import type { Problem } from '../problem.ts'

export interface CheckedFile extends RuleFile {
  readonly text: string
}

export interface Context {
  /** In the order of loading. */
  readonly files: readonly CheckedFile[]
  readonly catalogue: Catalogue
  /** Rules that are there besides, e.g. the release that custom rules run with; undefined: not known. */
  readonly besides: Catalogue | undefined
  /** Whether the files are all there is, so that what none of them holds does not exist. */
  readonly whole: boolean
  /** Names of the data files beside the rules; undefined: not known. */
  readonly dataFiles: ReadonlySet<string> | undefined
}

export type Check = (context: Context) => Problem[]
