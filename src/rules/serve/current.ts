/** The answer to a poll: the text of a 200, and whether it is a 304. Pure; docs/reference/update-protocol.md has the form. */
import type { Wanted } from '../model.ts'

/** Served where no bundle was published, in ETag and If-None-Match. */
const NONE = '-'
const tagOf = (generation: string, orders: string): string => `"${generation || NONE}/${orders || NONE}"`

export const etagOf = ({ generation, orders }: Wanted): string => tagOf(generation, orders.id)

/** Does the Pod that says this run what it should? Without a published bundle, only the orders count. */
export const runsIt = (ifNoneMatch: string | undefined, wanted: Wanted): boolean => {
  if (ifNoneMatch === undefined) return false
  if (wanted.generation !== '') return ifNoneMatch === etagOf(wanted)
  const [, orders] = /^"[A-Za-z0-9._-]+\/([0-9a-f]{16}|-)"$/.exec(ifNoneMatch) ?? []
  return orders !== undefined && orders === (wanted.orders.id || NONE)
}

/** The text of a 200. */
export const currentText = ({ generation, sha256, bytes, orders }: Wanted): string =>
  [
    'sekisho-current 1',
    ...(generation === '' ? [] : [`generation ${generation}`, `sha256 ${sha256}`, `bytes ${bytes}`]),
    `orders ${Buffer.from(orders.text, 'utf8').toString('base64')}`,
    `orders-signature ${Buffer.from(orders.signature).toString('base64')}`,
    '',
  ].join('\n')
