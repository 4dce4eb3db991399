/**
 * Writes an image as an OCI archive from a folder: one layer, one config, one manifest, an index, all in a tar. No tool, no registry,
 * no state of its own; the same folder gives the same bytes each time.
 */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { must } from '../run.ts'

export interface Image {
  /** Full name with tag; it is written into the archive, so an import needs no name. */
  readonly name: string
  readonly entrypoint: readonly string[]
  readonly user?: string
  readonly labels?: Readonly<Record<string, string>>
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }
const STEADY = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu']
const OCI = 'application/vnd.oci.image'

/** Packs `root` as the whole file system of the image into `archive`, which appears when it is complete. */
export async function writeImage(image: Image, root: string, archive: string): Promise<void> {
  await mkdir(dirname(archive), { recursive: true })
  const work = await mkdtemp(`${archive}.`)
  try {
    const blobs = join(work, 'blobs', 'sha256')
    await mkdir(blobs, { recursive: true })
    const layerFile = join(work, 'layer')
    await must('tar', [...STEADY, '-C', root, '-cf', layerFile, '.'])
    const layerBytes = await readFile(layerFile)
    await rm(layerFile)
    const put = async (bytes: Buffer, mediaType: string) => {
      const hex = createHash('sha256').update(bytes).digest('hex')
      await writeFile(join(blobs, hex), bytes)
      return { mediaType, digest: `sha256:${hex}`, size: bytes.length }
    }
    const layer = await put(layerBytes, `${OCI}.layer.v1.tar`)
    const config = await put(json(configOf(image, layer.digest)), `${OCI}.config.v1+json`)
    const manifest = await put(
      json({ schemaVersion: 2, mediaType: `${OCI}.manifest.v1+json`, config, layers: [layer] }),
      `${OCI}.manifest.v1+json`,
    )
    const annotations = { 'io.containerd.image.name': image.name, 'org.opencontainers.image.ref.name': image.name }
    await writeFile(join(work, 'index.json'), json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }))
    await writeFile(join(work, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }))
    const content = ['oci-layout', 'index.json', 'blobs']
    await must('tar', [...STEADY, '-C', work, '-cf', `${work}.tar`, ...content])
    await rename(`${work}.tar`, archive)
  } finally {
    await rm(work, { recursive: true, force: true })
    await rm(`${work}.tar`, { force: true })
  }
}

const configOf = ({ entrypoint, user, labels }: Image, layer: string) => ({
  architecture: ARCHITECTURES[process.arch] ?? process.arch,
  os: 'linux',
  created: '1970-01-01T00:00:00Z',
  config: {
    Entrypoint: entrypoint,
    Env: ['PATH=/bin'],
    ...(user && { User: user }),
    ...(labels && { Labels: labels }),
  },
  rootfs: { type: 'layers', diff_ids: [layer] },
})

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
