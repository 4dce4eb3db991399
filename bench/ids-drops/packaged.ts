/** Suricata's default configuration as its Debian package brings it, in the version that our image has; our image leaves the file out. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureImages } from '../../test/images/build.ts'
import { buildah, hasImage } from '../../test/images/buildah.ts'
import { cached } from '../../test/images/places.ts'

const MARK = '-----packaged-----'
const SCRIPT = `set -eu
cd /tmp
version=$(dpkg-query -W -f='\${Version}' suricata)
apt-get update >&2
apt-get download "suricata=$version" >&2
echo '${MARK}'
dpkg-deb --fsys-tarfile suricata_*.deb | tar -xO ./etc/suricata/suricata.yaml`

/** @returns its text; taken from the package once for each content of our image */
export async function packagedConfig(): Promise<string> {
  const { tar, ref, key } = (await ensureImages(['sekisho-ids'], { log: (line) => console.error(line) }))['sekisho-ids']
  const folder = cached('bench', 'ids-drops')
  const file = join(folder, `${key}.yaml`)
  if (existsSync(file)) return readFileSync(file, 'utf8')
  mkdirSync(folder, { recursive: true })
  const image = (await hasImage(ref)) ? ref : `oci-archive:${tar}`
  const container = (await buildah('from', ['--pull-never', image])).trim()
  try {
    const output = await buildah('run', ['--user', '0:0', container, '--', 'sh', '-c', SCRIPT])
    const text = output.slice(output.indexOf(`${MARK}\n`) + MARK.length + 1)
    if (!text.includes('af-packet:')) throw new Error('Cannot take suricata.yaml out of the Debian package')
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
    return text
  } finally {
    await buildah('rm', [container])
  }
}
