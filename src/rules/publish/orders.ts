/** Orders, sealed: their one text, its signature, its id. docs/reference/update-protocol.md has the form. */
import type { Orders, SealedOrders } from '../model.ts'
import { sha256 } from './hash.ts'
import type { Signing } from './signing-keys.ts'

export const ordersText = ({ namespace, sequence, mode, breakGlassUntil }: Orders): string =>
  `sekisho-orders 1\nnamespace ${namespace}\nsequence ${sequence}\nmode ${mode}\nbreak-glass ${breakGlassUntil}\n`

/** Ed25519 says the same for the same, so every replica seals alike. */
export function sealOrders(orders: Orders, signing: Pick<Signing, 'sign'>): SealedOrders {
  const text = ordersText(orders)
  return { ...orders, text, signature: signing.sign(Buffer.from(text)), id: sha256(text).slice(0, 16) }
}
