/**
 * Builds the images of Sekisho with buildah, from the same Dockerfiles that Docker takes, into archives that `ctr images import` knows by
 * their full name. Each archive is keyed by the content of all it was made from: a second run only compares.
 */
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { baseKey, ensureBase } from './base.ts'
import { buildah } from './buildah.ts'
import { bundle, machineArchitecture } from './bundle.ts'
import { type Log, requirePrograms, timed } from './command.ts'
import { ensureCrs } from './crs.ts'
import { withLock } from './lock.ts'
import { cached, IMAGES, type ImageName, imageReference, imageVersion, repository } from './places.ts'

export interface BuiltImage {
  /** The OCI archive, for `ctr images import`. */
  readonly tar: string
  /** The full name of the image in it. */
  readonly ref: string
  /** Changes when, and only when, something the image is made of changes. */
  readonly key: string
}

/** Lays an image's build context out in `folder` and returns its build arguments. */
type Context = (folder: string, log: Log) => Promise<Readonly<Record<string, string>>>

const CONTEXTS: Readonly<Record<ImageName, Context>> = {
  sekisho: async (folder, log) => {
    for (const file of ['Dockerfile', '.dockerignore', 'LICENSE']) cpSync(join(repository, file), join(folder, file))
    await bundle(join(folder, 'dist'), { log })
    return {}
  },
  'sekisho-waf': async (folder, log) => {
    cpSync(join(repository, 'waf'), folder, { recursive: true })
    const { tar } = await ensureCrs({ log })
    cpSync(tar, join(folder, 'crs.tar'))
    return { CRS_ARCHIVE: 'crs.tar' }
  },
  'sekisho-ids': async (folder, log) => {
    for (const file of ['.dockerignore', 'LICENSE', 'ids'])
      cpSync(join(repository, file), join(folder, file), { recursive: true })
    renameSync(join(folder, 'ids/Dockerfile'), join(folder, 'Dockerfile'))
    await bundle(join(folder, 'dist'), { log })
    return {}
  },
}

/** A key of paths, modes and contents under `folder`; times do not count. */
export function keyOf(folder: string, more: unknown): string {
  const hash = createHash('sha256').update(JSON.stringify(more))
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  for (const file of files) {
    const content = createHash('sha256').update(readFileSync(file)).digest('hex')
    hash.update(`\n${relative(folder, file)} ${statSync(file).mode & 0o111 ? 'x' : '-'} ${content}`)
  }
  return hash.digest('hex')
}

async function ensureImage(name: ImageName, log: Log): Promise<BuiltImage> {
  const ref = imageReference(name)
  const tar = cached('images', `${name}.tar`)
  const keyFile = cached('images', `${name}.key`)
  return withLock(cached('images', `${name}.lock`), log, async () => {
    const folder = cached('context', name)
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    try {
      const contextArguments = await CONTEXTS[name](folder, log)
      const buildArguments = { ...contextArguments, VERSION: imageVersion(), REVISION: process.env['REVISION'] ?? '' }
      const key = keyOf(folder, [baseKey(), ref, buildArguments, machineArchitecture()])
      if (existsSync(tar) && existsSync(keyFile) && readFileSync(keyFile, 'utf8') === key) return { tar, ref, key }
      await ensureBase({ log })
      rmSync(keyFile, { force: true })
      await timed(log, `building ${ref}`, () =>
        buildah(
          'bud',
          [
            ...[
              '--isolation',
              'chroot',
              '--pull-never',
              '--network',
              'host',
              '--layers',
              '--force-rm',
              '--format',
              'oci',
            ],
            ...Object.entries(buildArguments).flatMap(([arg, value]) => ['--build-arg', `${arg}=${value}`]),
            ...['--tag', ref, folder],
          ],
          // The step of the Dockerfile that runs, so that a long one is not a silent one.
          { onLine: (line) => /^(\[\d+\/\d+\] )?STEP /.test(line) && log(`  ${name}: ${line.slice(0, 100)}`) },
        ),
      )
      await timed(log, `writing ${name}.tar`, async () => {
        const temporary = cached('images', `${name}.new.tar`)
        rmSync(temporary, { force: true })
        mkdirSync(cached('tmp'), { recursive: true })
        await buildah('push', ['--quiet', ref, `oci-archive:${temporary}:${ref}`], {
          env: { TMPDIR: cached('tmp') },
        })
        renameSync(temporary, tar)
        writeFileSync(keyFile, key)
      })
      return { tar, ref, key }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}

/** Builds what is not built yet and returns where each image lies. The first build of all three takes a few minutes, later ones a second. */
export async function ensureImages<Name extends ImageName>(
  names: readonly Name[],
  { log }: { log: Log },
): Promise<Record<Name, BuiltImage>> {
  await requirePrograms({ buildah: 'buildah', debootstrap: 'debootstrap', flock: 'util-linux' })
  const built: Partial<Record<Name, BuiltImage>> = {}
  for (const name of names) built[name] = await ensureImage(name, log)
  return built as Record<Name, BuiltImage>
}

const HELP = `Usage: node test/images/build.ts [all | ${IMAGES.join(' | ')}] …

Builds the images into archives for 'ctr images import' and prints the path and name of each. Default: all.

Environment:
  IMAGE_PREFIX    registry and folder of the names (default registry.local/sekisho)
  VERSION         their tag (default dev)
  REVISION        the revision written into their labels
  SEKISHO_CACHE   where archives and layers are kept (default ~/.cache/sekisho)`

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  })
  if (values.help) console.log(HELP)
  else {
    const asked = positionals.length === 0 || positionals.includes('all') ? [...IMAGES] : positionals
    const unknown = asked.find((name) => !(IMAGES as readonly string[]).includes(name))
    if (unknown) {
      console.error(`Cannot build '${unknown}': an image is ${IMAGES.join(', ')} or all`)
      process.exitCode = 2
    } else {
      try {
        const start = performance.now()
        const log: Log = (line) =>
          console.error(`[${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s] ${line}`)
        for (const { tar, ref } of Object.values(await ensureImages(asked as ImageName[], { log })))
          console.log(`${tar}\t${ref}\t${(statSync(tar).size / 1e6).toFixed(1)} MB`)
      } catch (error) {
        console.error((error as Error).message)
        process.exitCode = 1
      }
    }
  }
}
