import t from 'tap'
import { Remembered } from '../../../src/rules/trial/remembered.ts'

t.test('Remembered forgets what was not asked for the longest', (t) => {
  const memory = new Remembered<number>(2, () => 0)
  memory.set('a', 1)
  memory.set('b', 2)
  t.equal(memory.get('a'), 1)
  memory.set('c', 3)
  t.strictSame(
    ['a', 'b', 'c'].map((key) => memory.get(key)),
    [1, undefined, 3],
  )
  t.end()
})

t.test('Remembered keeps some only for a time', (t) => {
  let now = 1000
  const memory = new Remembered<number>(10, () => now)
  memory.set('a', 1, 500)
  memory.set('b', 2)
  now = 1499
  t.equal(memory.get('a'), 1)
  now = 1500
  t.equal(memory.get('a'), undefined)
  t.equal(memory.get('b'), 2)
  t.end()
})
