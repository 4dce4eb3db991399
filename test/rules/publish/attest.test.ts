/** Our own word for a kept release: for these bytes under this name, by one of the keys. */
import t from 'tap'
import { attest, isAttested } from '../../../src/rules/publish/attest.ts'
import { ordersText, sealOrders } from '../../../src/rules/publish/orders.ts'
import { newSigning } from './support.ts'

const [ours, theirs] = [newSigning(), newSigning()]
const ref = { version: '4.25.0', sha256: 'a'.repeat(64) }
const archive = Buffer.from('archive')

t.test('isAttested() believes the same bytes, name and key, and nothing else', (t) => {
  const word = attest(ref, archive, ours)
  t.ok(isAttested(ref, archive, word, ours.keys))
  t.ok(isAttested(ref, archive, word, [...theirs.keys, ...ours.keys]))
  for (const [what, changed] of Object.entries({
    'other bytes': isAttested(ref, Buffer.from('archivE'), word, ours.keys),
    'another version': isAttested({ ...ref, version: '4.25.1' }, archive, word, ours.keys),
    'another hash': isAttested({ ...ref, sha256: 'b'.repeat(64) }, archive, word, ours.keys),
    'another key': isAttested(ref, archive, word, theirs.keys),
    'signed by another': isAttested(ref, archive, attest(ref, archive, theirs), ours.keys),
    'no signature': isAttested(ref, archive, new Uint8Array(), ours.keys),
    'no key': isAttested(ref, archive, word, []),
    // What is signed for Pods must not do as a word about a release.
    orders: isAttested(
      ref,
      archive,
      sealOrders({ namespace: 'x', sequence: 1, mode: 'own', breakGlassUntil: 0 }, ours).signature,
      ours.keys,
    ),
  }))
    t.notOk(changed, what)
  t.end()
})

t.test('sealOrders() writes the text of the update protocol, and the same for the same', (t) => {
  const orders = { namespace: 'shop', sequence: 1795600012, mode: 'block', breakGlassUntil: 0 } as const
  t.equal(ordersText(orders), 'sekisho-orders 1\nnamespace shop\nsequence 1795600012\nmode block\nbreak-glass 0\n')
  const [a, b] = [sealOrders(orders, ours), sealOrders(orders, ours)]
  t.same(a, b)
  t.equal(a.signature.length, 64)
  t.match(a.id, /^[0-9a-f]{16}$/)
  t.not(sealOrders({ ...orders, sequence: 1795600013 }, ours).id, a.id)
  t.end()
})
