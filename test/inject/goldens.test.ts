/** The goldens through the command line. goldens.cluster.test.ts takes them through a real API server. */
import { writeFileSync } from 'node:fs'
import tap from 'tap'
import { parseAllDocuments } from 'yaml'
import type { KubeObject } from '../../src/api/kube.ts'
import { CONFIG, inputFile, NAMES, OUTPUTS, outputFile, readText, sekisho, unversioned, versioned } from './golden.ts'

for (const name of NAMES)
  tap.test(
    `sekisho inject makes goldens/${name}.injected.yaml of ${name}.yaml, and leaves that as it is`,
    async (t) => {
      const { code, stdout } = await sekisho(['inject', '-c', CONFIG, '-f', inputFile(name)])
      t.equal(code, 0)
      if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(outputFile(name), unversioned(stdout))
      t.equal(unversioned(stdout), readText(outputFile(name)))
      const again = await sekisho(['inject', '-c', CONFIG, '-f', '-'], stdout)
      t.equal(again.stdout, stdout, 'injected again it is the same')
    },
  )

tap.test('every golden output has its input', async (t) => {
  t.same(OUTPUTS.toSorted(), NAMES.toSorted())
  t.ok(NAMES.length >= 9)
})

tap.test('sekisho inject --output json says the same as YAML', async (t) => {
  for (const name of NAMES) {
    const json = JSON.parse((await sekisho(['inject', '-c', CONFIG, '-f', inputFile(name), '-o', 'json'])).stdout)
    const yaml = parseAllDocuments(versioned(readText(outputFile(name))), { version: '1.1' }).map(
      (it) => it.toJS() as KubeObject,
    )
    t.same(json.kind === 'List' ? json.items : [json], yaml, name)
  }
})
