/** Which files of ConfigMaps may be used, and which version of each. */
import t from 'tap'
import { createOwnFiles } from '../../../src/ids/rules/own-files.ts'
import type { JudgeFiles } from '../../../src/ids/rules/state.ts'

/** A line `bad` is a mistake; the same id in two files is one of the second. */
const judge: JudgeFiles = (files) => {
  const owners = new Map<string, string>()
  return files.flatMap(({ name, text }) =>
    text.split('\n').flatMap((line, index) => {
      const sid = /sid:(\d+)/.exec(line)?.[1]
      const owner = sid && owners.get(sid)
      if (sid) owners.set(sid, name)
      const wrong = line === 'bad' ? 'no rule' : owner ? `sid ${sid} is taken by ${owner}` : ''
      return wrong === '' ? [] : [{ file: name, line: index + 1, message: wrong }]
    }),
  )
}
const rule = (sid: number, text = 'x') => `alert tcp any any -> any any (msg:"${text}"; sid:${sid};)`
const map = (name: string, data: Record<string, string>) => ({ name, data })
const texts = (own: ReturnType<typeof createOwnFiles>) =>
  own.usable().map(({ configMap, key, text }) => `${configMap}/${key}=${text}`)

t.test('createOwnFiles() takes rules and filters in one order, and no other key', (t) => {
  const own = createOwnFiles(judge, [])
  own.take([map('b', { 'z.rules': rule(2), 'readme.txt': 'x', '../x.rules': 'x' }), map('a', { 'disable.conf': '1' })])
  t.same(texts(own), ['a/disable.conf=1', `b/z.rules=${rule(2)}`])
  t.end()
})

t.test('createOwnFiles() keeps the last version that was proven, and only that', (t) => {
  const own = createOwnFiles(judge, [])
  own.take([map('a', { 'a.rules': rule(1) })])
  own.proven()
  own.take([map('a', { 'a.rules': rule(2) })])
  t.same(own.take([map('a', { 'a.rules': 'bad' })]), ['a/a.rules:1: no rule; its last good version stays'])
  t.same(texts(own), [`a/a.rules=${rule(1)}`])
  t.same(own.take([map('a', { 'b.rules': 'bad' })]), ['a/b.rules:1: no rule; it is left out'])
  t.same(texts(own), [])
  t.end()
})

t.test('createOwnFiles() leaves out the second of two files with the same id', (t) => {
  const own = createOwnFiles(judge, [])
  t.match(own.take([map('a', { 'a.rules': rule(1) }), map('b', { 'b.rules': rule(1, 'y') })]), [
    /^b\/b\.rules:1: sid 1 is taken by a\/a\.rules; it is left out$/,
  ])
  t.same(texts(own), [`a/a.rules=${rule(1)}`])
  t.end()
})

t.test('createOwnFiles() goes back to what was proven where the engine refuses a rule, until the file changes', (t) => {
  const own = createOwnFiles(judge, [])
  own.take([map('a', { 'a.rules': rule(1) }), map('b', { 'b.rules': rule(9) })])
  own.proven()
  const changed = [map('a', { 'a.rules': `${rule(3)}\n${rule(4)}` }), map('b', { 'b.rules': rule(9) })]
  own.take(changed)
  t.match(own.blame([rule(4)]), [/^a\/a\.rules: Suricata refuses alert .*sid:4/])
  t.same(texts(own), [`a/a.rules=${rule(1)}`, `b/b.rules=${rule(9)}`])
  own.take(changed)
  t.same(texts(own), [`a/a.rules=${rule(1)}`, `b/b.rules=${rule(9)}`])
  own.take([map('a', { 'a.rules': rule(3) })])
  t.same(texts(own), [`a/a.rules=${rule(3)}`])
  t.same(own.blame([rule(77)]), [], 'a rule of the source is nobody’s here')
  t.end()
})

t.test('createOwnFiles() begins with what is remembered, before the cluster is heard', (t) => {
  const own = createOwnFiles(judge, [{ configMap: 'a', key: 'a.rules', text: rule(1) }])
  t.same(texts(own), [`a/a.rules=${rule(1)}`])
  own.take([])
  t.same(texts(own), [])
  t.end()
})

t.test('createOwnFiles() does not go back to what is remembered and not allowed any more', (t) => {
  const file = { configMap: 'a', key: 'a.rules', text: 'bad' }
  const own = createOwnFiles(judge, [file, { configMap: 'b', key: 'b.rules', text: rule(2) }])
  t.same(texts(own), [`b/b.rules=${rule(2)}`])
  t.same(own.take([map('a', { 'a.rules': 'bad' })]), ['a/a.rules:1: no rule; it is left out'])
  t.same(texts(own), [])
  t.end()
})
