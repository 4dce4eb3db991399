/** Makes the lab's images, once for each content: $CACHE/images/lab-NAME-KEY.tar. */
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheFolder, contentKey, exists, withLock } from '../cache.ts'
import { must } from '../run.ts'
import { APP_IMAGE, PAUSE_IMAGE } from './names.ts'
import { type Image, writeImage } from './oci.ts'

const BUSYBOX = '/bin/busybox'
const source = (file: string): string => join(import.meta.dirname, file)

/** Paths of the archives of the sandbox's image and of the test application. */
export async function labImages(): Promise<{ pause: string; app: string }> {
  const pause: Image = { name: PAUSE_IMAGE, entrypoint: ['/pause'], user: '65535:65535' }
  const app: Image = { name: APP_IMAGE, entrypoint: ['/app'], user: '65532:65532' }
  return {
    pause: await once('pause', pause, [source('pause.c')], (root) => compile('pause.c', join(root, 'pause'))),
    app: await once('app', app, [source('app.c'), BUSYBOX], async (root) => {
      await compile('app.c', join(root, 'app'))
      await mkdir(join(root, 'bin'))
      await mkdir(join(root, 'tmp'), { mode: 0o1777 })
      await copyFile(BUSYBOX, join(root, 'bin', 'busybox'))
      for (const name of ['sh', 'ls', 'cat', 'ps', 'env', 'id', 'wget', 'nc', 'sleep', 'echo', 'ip', 'grep', 'touch'])
        await symlink('busybox', join(root, 'bin', name))
    }),
  }
}

async function once(name: string, image: Image, inputs: string[], fill: (root: string) => Promise<unknown>) {
  const needed = [source('build.ts'), source('oci.ts'), ...inputs]
  const read = (path: string) =>
    readFile(path).catch(() => {
      throw new Error(
        `Cannot make the image ${image.name}: ${path} is missing. As root: apt-get install busybox-static`,
      )
    })
  const key = contentKey(JSON.stringify(image), process.arch, ...(await Promise.all(needed.map(read))))
  const archive = join(cacheFolder(), 'images', `lab-${name}-${key}.tar`)
  const make = async () => {
    if (await exists(archive)) return
    const root = await mkdtemp(join(tmpdir(), 'sekisho-image-'))
    try {
      await fill(root)
      await writeImage(image, root, archive)
    } finally {
      await rm(root, { recursive: true, force: true })
    }
  }
  if (!(await exists(archive))) await withLock(`${archive}.lock`, make)
  return archive
}

const compile = (file: string, output: string): Promise<string> =>
  must('gcc', ['-static', '-Os', '-s', '-Wall', '-Wextra', '-Werror', '-o', output, source(file)])
