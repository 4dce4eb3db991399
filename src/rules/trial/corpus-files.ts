/** The corpus from its files: beside this one in the sources, beside the bundled program in the image. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Corpus, readCorpusFile } from './corpus.ts'

export const CORPUS_FOLDER = fileURLToPath(new URL('./corpus/', import.meta.url))

/** @throws if a file is missing its form, or the folder is not there */
export const loadCorpus = (folder: string = CORPUS_FOLDER): Corpus =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .flatMap((name) => readCorpusFile(name, readFileSync(`${folder}/${name}`, 'utf8')))
