/** What each published content was made from, so that any replica makes it again: ConfigMap `sekisho-recipe-ADDRESS`, gzip over JSON. */
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Recipe } from '../model.ts'
import { canonical } from './hash.ts'
import type { Kept } from './kept.ts'

export const RECIPE_PREFIX = 'sekisho-recipe-'
export const recipeName = (address: string): string => `${RECIPE_PREFIX}${address.slice(0, 16)}`
/** A recipe is some ConfigMaps of rules at most. */
const MOST_UNPACKED = 8 * 1024 * 1024

export interface Recipes {
  /** Does nothing where it is kept already: an address says what is in it. @throws as Kept.write */
  keep(address: string, recipe: Recipe): Promise<void>
  /** @throws with a sentence where it is not there or cannot be read */
  read(address: string): Recipe
}

export const createRecipes = (kept: Pick<Kept, 'get' | 'write'>): Recipes => ({
  keep: (address, recipe) =>
    kept.write(recipeName(address), (now) =>
      now?.data['address'] === address
        ? undefined
        : { data: { address }, binaryData: { recipe: gzipSync(canonical(recipe)) } },
    ),
  read: (address) => {
    const name = recipeName(address)
    const packed = kept.get(name)?.binaryData['recipe']
    if (packed === undefined) throw new Error(`Cannot make the content ${address}: there is no ConfigMap ${name}`)
    try {
      const text = gunzipSync(Buffer.from(packed, 'base64'), { maxOutputLength: MOST_UNPACKED })
      return JSON.parse(text.toString('utf8')) as Recipe
    } catch (cause) {
      throw new Error(`Cannot make the content ${address}: ConfigMap ${name} is damaged`, { cause })
    }
  },
})
