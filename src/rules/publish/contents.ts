/**
 * Recipes to contents, each made once: what a thousand namespaces ask for alike is one content, and files that contents have in common are
 * one buffer. A release is parsed once for all that is made from it.
 *
 *     recipe ─ key (without its instant) ─▶ known and no exclusion ended since? ─▶ it
 *                                           else release (parsed, kept) ─ compile ─▶ content, files shared
 */
import { type Compiled, type Content, compile } from '../compile/compile.ts'
import type { CompileProblem } from '../compile/problem.ts'
import type { Release } from '../compile/release.ts'
import type { Recipe, ReleaseRef } from '../model.ts'
import { canonical, sha256 } from './hash.ts'

export type Made = Compiled & { readonly recipe: Recipe }

export interface ContentsOptions {
  /** The parsed release. @throws with a sentence where it is not there or not believed */
  readonly release: (ref: ReleaseRef) => Promise<Release>
  /** Lets others have their turn: a compile takes 50–100 ms. */
  readonly breathe: () => Promise<void>
  /** Contents kept; each some KB beside what it shares. @default 4000 */
  readonly most?: number
  /** Bytes of recipes and of files, shared ones once. @default 128 MiB: rules of a namespace's own are up to 256 KiB, and nobody else's */
  readonly mostBytes?: number
}

export interface Contents {
  /**
   * The content of a recipe; never refuses for time. `note`: what upstream took away does not refuse.
   * @throws what `release` throws
   */
  make(recipe: Recipe, unknownRules: 'refuse' | 'note'): Promise<Made>
  /** By address, if it was made. */
  get(address: string): Content | undefined
  readonly size: number
  /** Different files of all of them. */
  readonly files: number
}

/** Names everything of a recipe but the instant. */
export const recipeKey = ({ at: _, ...inputs }: Recipe): string => sha256(canonical(inputs))

export function createContents({ release, breathe, most = 4000, mostBytes = 128 << 20 }: ContentsOptions): Contents {
  /** In the order of last use. */
  const made = new Map<string, Made>()
  const byAddress = new Map<string, Content>()
  const files = new Map<string, { readonly bytes: Uint8Array; users: number }>()
  /** Bytes of all that is kept. */
  let held = 0
  /** One at a time: two compiles at once would only both be later. */
  let turn: Promise<unknown> = Promise.resolve()

  const share = (content: Content): Content => {
    const known = byAddress.get(content.address)
    if (known !== undefined) return known
    const sums = new Map(content.sums.map(({ name, sha256 }) => [name, sha256]))
    const shared = new Map(
      [...content.files].map(([name, bytes]) => {
        const sum = sums.get(name)!
        const one = files.get(sum) ?? { bytes, users: 0 }
        if (one.users === 0) held += bytes.length
        one.users++
        files.set(sum, one)
        return [name, one.bytes] as const
      }),
    )
    const kept = { ...content, files: shared }
    byAddress.set(content.address, kept)
    return kept
  }
  const forget = (content: Content) => {
    if (!byAddress.delete(content.address)) return
    for (const { sha256: sum } of content.sums) {
      const one = files.get(sum)
      if (one === undefined || --one.users > 0) continue
      files.delete(sum)
      held -= one.bytes.length
    }
  }
  /** Its content too, unless another recipe makes the same. */
  const unused = (gone: Made) => {
    if (gone.status !== 'compiled') return
    const { address } = gone.content
    for (const other of made.values()) if (other.status === 'compiled' && other.content.address === address) return
    forget(gone.content)
  }
  const keep = (key: string, one: Made) => {
    const before = made.get(key)
    made.delete(key)
    made.set(key, one)
    if (before === undefined) held += textBytes(one.recipe)
    // Made anew, since an exclusion ended.
    else if (before !== one) unused(before)
    // What was just made stays, however large it is.
    while (made.size > 1 && (made.size > most || held > mostBytes)) {
      const [oldest, gone] = made.entries().next().value!
      made.delete(oldest)
      held -= textBytes(gone.recipe)
      unused(gone)
    }
  }

  const run = async (recipe: Recipe, unknownRules: 'refuse' | 'note'): Promise<Made> => {
    const parsed = await release(recipe.release)
    await breathe()
    const { at, release: _, ...inputs } = recipe
    const compiled = compile({ release: parsed, ...inputs, now: at, unknownRules, hash: sha256 })
    return compiled.status === 'compiled'
      ? { ...compiled, content: share(compiled.content), recipe }
      : { ...compiled, recipe }
  }

  return {
    get size() {
      return byAddress.size
    },
    get files() {
      return files.size
    },
    get: (address) => byAddress.get(address),
    make: async (recipe, unknownRules) => {
      const key = `${unknownRules} ${recipeKey(recipe)}`
      const known = made.get(key)
      const stands = known !== undefined && recipe.at >= known.recipe.at && recipe.at < nextExpiryOf(known)
      if (stands) {
        keep(key, known)
        return known
      }
      const mine = turn.then(async () => {
        // Whoever waited before us may have made it.
        const now = made.get(key)
        if (now !== undefined && recipe.at >= now.recipe.at && recipe.at < nextExpiryOf(now)) return now
        const one = await run(recipe, unknownRules)
        keep(key, one)
        return one
      })
      turn = mine.catch(() => {})
      return mine
    },
  }
}

/** Of the texts in it; the rest is small. */
const textBytes = ({ before, after, exclusions }: Recipe): number =>
  [...before, ...after].reduce((sum, { text }) => sum + text.length, 200 * exclusions.length)

const nextExpiryOf = (made: Made): number =>
  made.status === 'compiled' ? (made.nextExpiry ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY

/** Problems as lines, at most so many. */
export const problemLines = (
  problems: readonly CompileProblem[],
  most: number,
  asLine: (one: CompileProblem) => string,
) =>
  problems.length <= most
    ? problems.map(asLine)
    : [...problems.slice(0, most - 1).map(asLine), `and ${problems.length - most + 1} more`]
