/**
 * The baseline OWASP Core Rule Set as the archive that waf/Dockerfile takes (`--build-arg CRS_ARCHIVE=crs.tar`, a path in its context).
 *
 * The archive has the layout of the official release `coreruleset-X-minimal.tar.gz`, so that file, once its signature is checked, is as good:
 *
 *     coreruleset-4.25.0/LICENSE
 *     coreruleset-4.25.0/crs-setup.conf.example
 *     coreruleset-4.25.0/plugins/empty-{config,before,after}.conf
 *     coreruleset-4.25.0/rules/REQUEST-901-INITIALIZATION.conf … RESPONSE-980-CORRELATION.conf
 *     coreruleset-4.25.0/rules/*.data
 *
 * (strip the first folder: `tar -x --strip-components=1`). It is made from the Go module `github.com/corazawaf/coraza-coreruleset/v4`,
 * whose checksum stands in crs/go.sum and is verified by Go. Of upstream's files that module leaves out comments, blank lines and the two
 * `*.conf.example` files of rules/; no directive is changed, so the files are valid for ModSecurity as they are. crs.test.ts holds that.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { command, type Log, timed } from './command.ts'
import { cached } from './places.ts'

const MODULE = 'github.com/corazawaf/coraza-coreruleset/v4'

/** Makes the archive unless the cache has it. Needs Go for its checksummed download; 250 KB. */
export async function ensureCrs({ log }: { log: Log }): Promise<{ version: string; tar: string; tests: string }> {
  // Not the caller's workspace or vendor folder: only crs/go.mod and crs/go.sum decide.
  const go = { cwd: join(import.meta.dirname, 'crs'), env: { ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off' } }
  const download = () => command('go', ['mod', 'download', '-json', MODULE], go)
  const { Dir, Version } = JSON.parse(await download()) as { Dir: string; Version: string }
  const version = Version.replace(/^v/, '')
  const tar = cached('crs', `crs-${version}.tar`)
  const tests = join(Dir, 'tests')
  if (existsSync(tar)) return { version, tar, tests }
  await timed(log, `packing CRS ${version}`, async () => {
    const work = cached('crs', `work-${process.pid}`)
    const root = join(work, `coreruleset-${version}`)
    mkdirSync(join(root, 'rules'), { recursive: true })
    mkdirSync(join(root, 'plugins'))
    cpSync(join(Dir, 'rules/LICENSE'), join(root, 'LICENSE'))
    cpSync(join(Dir, 'rules/@crs-setup.conf.example'), join(root, 'crs-setup.conf.example'))
    for (const file of readdirSync(join(Dir, 'rules/@owasp_crs')))
      cpSync(join(Dir, 'rules/@owasp_crs', file), join(root, 'rules', file))
    for (const part of ['config', 'before', 'after'])
      writeFileSync(
        join(root, 'plugins', `empty-${part}.conf`),
        '# Keeps the Include of plugins valid while there is none.\n',
      )
    await command('chmod', ['-R', 'u=rwX,go=rX', root])
    const archive = join(work, 'crs.tar')
    const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=ustar']
    await command('tar', [...same, '-C', work, '-cf', archive, `coreruleset-${version}`])
    renameSync(archive, tar)
    rmSync(work, { recursive: true })
  })
  return { version, tar, tests }
}

if (import.meta.main) console.log((await ensureCrs({ log: (line) => console.error(line) })).tar)
