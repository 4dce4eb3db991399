/** The corpus in the bundled program, as the image holds it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import t from 'tap'
import { CORPUS_FOLDER, loadCorpus } from '../../../src/rules/trial/corpus-files.ts'
import { bundleProgram } from '../../images/bundle.ts'

t.test('loadCorpus() finds in the bundle what it finds in the sources', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-corpus-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  await bundleProgram(folder)
  // As a chunk of the program, which lies beside the entry.
  const entry = join(dirname(CORPUS_FOLDER), 'corpus-files.ts')
  const outfile = join(folder, 'app/chunk.mjs')
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
    banner: { js: "import{createRequire as r}from'node:module';const require=r(import.meta.url);" },
  })
  const bundled = (await import(pathToFileURL(outfile).href)) as {
    loadCorpus: typeof loadCorpus
    CORPUS_FOLDER: string
  }
  t.equal(bundled.CORPUS_FOLDER, join(folder, 'app', basename(CORPUS_FOLDER), '/'))
  const plain = (corpus: ReturnType<typeof loadCorpus>) =>
    corpus.map((one) => `${one.group} ${one.name} ${one.bytes('m')}`)
  t.strictSame(plain(bundled.loadCorpus()), plain(loadCorpus()))
  t.ok(loadCorpus().length >= 400)
})
