/**
 * Two real releases of the Core Rule Set, packed as upstream packs them (`coreruleset-X-minimal.tar.gz`), from the Go module that carries its
 * rules; Go checks the module's sum. 4.25.0 is the one that the image has as its baseline.
 */
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { tarGzOf } from './archive/pack.ts'

const MODULE = 'github.com/corazawaf/coraza-coreruleset/v4'
const PINS = {
  '4.22.0': join(import.meta.dirname, 'crs-4.22.0'),
  '4.25.0': join(import.meta.dirname, '../images/crs'),
}
export type RealVersion = keyof typeof PINS

/** Path in the release → bytes. */
export const realCrsFiles = async (version: RealVersion): Promise<Map<string, Buffer>> => {
  const env = { ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off' }
  const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', MODULE], { cwd: PINS[version], env })
  const { Dir } = JSON.parse(stdout) as { Dir: string }
  const files = new Map<string, Buffer>()
  const take = async (path: string, from: string) => void files.set(path, await readFile(join(Dir, 'rules', from)))
  await take('LICENSE', 'LICENSE')
  await take('crs-setup.conf.example', '@crs-setup.conf.example')
  for (const name of (await readdir(join(Dir, 'rules/@owasp_crs'))).sort())
    await take(`rules/${name}`, `@owasp_crs/${name}`)
  for (const part of ['config', 'before', 'after'])
    files.set(`plugins/empty-${part}.conf`, Buffer.from('# Keeps the Include valid.\n'))
  return files
}

/** `coreruleset-X-minimal.tar.gz`. */
export const realCrsArchive = async (version: RealVersion): Promise<Buffer> =>
  tarGzOf([
    { name: `coreruleset-${version}/`, type: 'directory' },
    ...[...(await realCrsFiles(version))].map(([path, body]) => ({ name: `coreruleset-${version}/${path}`, body })),
  ])
