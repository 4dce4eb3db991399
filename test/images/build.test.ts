/** The key decides whether an image is built again: what an image is made of changes it, and nothing else does. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { keyOf } from './build.ts'

const context = () => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-key-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'lib'))
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\n')
  writeFileSync(join(folder, 'lib/run'), '#!/bin/sh\n')
  return folder
}

t.test(
  'keyOf() is the same for the same content in another folder, at another time, made in another order',
  async (t) => {
    const one = context()
    const other = context()
    rmSync(join(other, 'Dockerfile'))
    writeFileSync(join(other, 'Dockerfile'), 'FROM scratch\n')
    utimesSync(join(other, 'lib/run'), 1, 1)
    t.equal(keyOf(one, ['dev']), keyOf(other, ['dev']))
  },
)

const changes: Record<string, (folder: string) => void> = {
  'the content of a file': (folder) => writeFileSync(join(folder, 'lib/run'), '#!/bin/sh \n'),
  'the right to run a file': (folder) => chmodSync(join(folder, 'lib/run'), 0o755),
  'a further file, though empty': (folder) => writeFileSync(join(folder, 'lib/more'), ''),
  'a file less': (folder) => rmSync(join(folder, 'lib/run')),
}
for (const [what, change] of Object.entries(changes)) {
  t.test(`keyOf() changes with ${what}`, async (t) => {
    const folder = context()
    const before = keyOf(folder, ['dev'])
    change(folder)
    t.not(keyOf(folder, ['dev']), before)
  })
}

t.test('keyOf() changes with the name, the version and other arguments of the build', async (t) => {
  const folder = context()
  t.not(keyOf(folder, ['a', 'bc']), keyOf(folder, ['ab', 'c']))
})
