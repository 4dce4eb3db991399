/** learn, acknowledge: what is held stays held until somebody says otherwise. */
import t from 'tap'
import { acknowledge, isHeld, isKnown, learn, newborn } from '../../../src/audit/detect/learned.ts'
import { at } from './parts.ts'

const key = { topic: 'address', entity: 'x' }
t.test('learn() makes nothing usual that is held; acknowledge() does', async (t) => {
  const learned = newborn(at(0))
  learn(learned, { key, time: at(0), hold: ['a'] })
  learn(learned, { key, time: at(1), see: ['a', 'b'] })
  t.ok(isHeld(learned, 'a'))
  t.notOk(isKnown(learned, 'a', at(1), at(1)))
  t.ok(isKnown(learned, 'b', at(1), at(1)))
  acknowledge(learned, ['a', 'nothing'])
  t.ok(isKnown(learned, 'a', at(1), at(1)))
  t.equal(learned.values.size, 2)
})
