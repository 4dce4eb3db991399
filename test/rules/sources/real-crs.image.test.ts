/** Real releases through a real HTTPS server: 4.22.0, then 4.25.0. In this group because Go has to download them once. */
import t from 'tap'
import type { Fetched } from '../../../src/rules/sources/source.ts'
import { type RealVersion, realCrsArchive, realCrsFiles } from '../real-crs.ts'
import { startWorld } from './world.ts'

t.test(
  'githubRelease() takes the real CRS 4.22.0 and then 4.25.0, file by file as it is',
  { timeout: 300_000 },
  async (t) => {
    const world = await startWorld(t)
    const offer = async (version: RealVersion) => {
      const archive = await realCrsArchive(version)
      world.upstream.publish(version, archive, await world.sign(archive))
    }
    const release = (fetched: Fetched) => {
      if (fetched.status !== 'new') throw new Error(fetched.detail)
      return fetched
    }
    await offer('4.22.0')
    const old = release(await world.fetch({ crs: { line: 'latest' } }))
    await offer('4.25.0')
    const next = release(await world.fetch({ crs: { line: 'latest' }, known: old.known }))
    for (const { release } of [old, next]) {
      const files = await realCrsFiles(release.version as RealVersion)
      t.same([...release.files.keys()], [...files.keys()].sort(), `${release.version}: every file, and no other`)
      for (const [path, { bytes }] of release.files)
        if (!files.get(path)?.equals(bytes)) t.fail(`${release.version} ${path} differs`)
      t.ok(release.rules > 600, `${release.version}: ${release.rules} rules`)
    }
    t.match([old.release.version, next.release.version], ['4.22.0', '4.25.0'])
    t.not(old.release.content, next.release.content)
  },
)
