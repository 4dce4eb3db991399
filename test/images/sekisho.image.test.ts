/** The sekisho image as it runs: Node, the bundled program, nothing to break out with. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import manifest from '../../package.json' with { type: 'json' }
import { ensureImages } from './build.ts'
import { command } from './command.ts'
import { ensureRootfs, runImage } from './run.ts'

const node = (script: string) => runImage('sekisho', { command: ['/usr/local/bin/node', '-p', script] })

t.test('the sekisho image answers with its version', async (t) => {
  t.match(await runImage('sekisho', { args: ['version'] }), {
    code: 0,
    stdout: `sekisho ${manifest.version}\n`,
    stderr: '',
  })
})

t.test('the sekisho image runs as 65532, finds its name, and writes nowhere', async (t) => {
  t.equal(
    (await node('const u = require("node:os").userInfo(); `${u.uid}:${u.gid} ${u.username}`')).stdout,
    '65532:65532 sekisho\n',
  )
  t.match(await node('require("node:fs").writeFileSync("/app/x", "")'), { code: 1, stderr: /EROFS/ })
})

t.test(
  'the sekisho image is Node of the pinned version, its libraries and the program: no shell, no package manager, no node_modules',
  async (t) => {
    t.equal((await node('process.version')).stdout, `v${manifest.devDependencies.node}\n`)
    const { rootfs } = await ensureRootfs('sekisho', () => {})
    const executables = (await command('find', [rootfs, '-type', 'f', '-perm', '/111'])).trim().split('\n')
    t.same(
      executables
        .map((path) => path.slice(rootfs.length))
        .filter((path) => !/\.so(\.|$)/.test(path))
        .sort(),
      ['/app/sekisho.mjs', '/usr/local/bin/node'],
    )
    for (const path of ['bin/sh', 'usr/bin/sh', 'usr/bin/apt', 'usr/bin/dpkg', 'app/node_modules'])
      t.notOk(existsSync(join(rootfs, path)), path)
    t.same(readdirSync(join(rootfs, 'var/lib/dpkg/status.d')).sort(), ['libc6', 'libgcc-s1', 'libstdc++6'])
  },
)

t.test('the sekisho image is below 60 MB as an archive', async (t) => {
  const { tar, ref } = (await ensureImages(['sekisho'], { log: () => {} })).sekisho
  t.ok(statSync(tar).size < 60_000_000)
  const index = JSON.parse(await command('tar', ['-xOf', tar, 'index.json']))
  t.equal(index.manifests[0].annotations['org.opencontainers.image.ref.name'], ref)
})
