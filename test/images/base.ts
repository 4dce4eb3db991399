/**
 * The base image `debian:forky-slim` without a registry: debootstrap from the Debian mirror this machine already uses, slimmed as the
 * official image is, and stored under the official name. So a Dockerfile that says `FROM debian:forky-slim` builds here unchanged.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildah, hasImage } from './buildah.ts'
import { command, type Log, requirePrograms, timed } from './command.ts'
import { withLock } from './lock.ts'
import { cached } from './places.ts'

export const BASE_IMAGE = 'docker.io/library/debian:forky-slim'
const SUITE = 'forky'

/** Files of the base beyond debootstrap's: small layers, no locales, no services started while packages install. */
const FILES: Readonly<Record<string, string>> = {
  // A mirror may serve a snapshot whose Release file has run out; signatures are checked all the same.
  'etc/apt/apt.conf.d/99snapshot': 'Acquire::Check-Valid-Until "false";\n',
  'etc/apt/apt.conf.d/99slim': [
    'Acquire::Languages "none";',
    'Acquire::GzipIndexes "true";',
    'APT::AutoRemove::SuggestsImportant "false";',
    'Binary::apt::APT::Keep-Downloaded-Packages "false";',
    'Dir::Cache::pkgcache "";',
    'Dir::Cache::srcpkgcache "";',
    '',
  ].join('\n'),
  'etc/dpkg/dpkg.cfg.d/slim': [
    'path-exclude /usr/share/doc/*',
    'path-include /usr/share/doc/*/copyright',
    'path-exclude /usr/share/groff/*',
    'path-exclude /usr/share/info/*',
    'path-exclude /usr/share/linda/*',
    'path-exclude /usr/share/lintian/*',
    'path-exclude /usr/share/locale/*',
    'path-include /usr/share/locale/locale.alias',
    'path-exclude /usr/share/man/*',
    'force-unsafe-io',
    '',
  ].join('\n'),
  'usr/sbin/policy-rc.d': '#!/bin/sh\nexit 101\n',
}

/** What debootstrap unpacked before dpkg's path-exclude stood, and what came from this machine. Copyright files stay. */
const SLIM = `set -eu
cd "$1"
chmod 0755 usr/sbin/policy-rc.d
find usr/share/doc -type f ! -name copyright -delete
find usr/share/doc -type l ! -name copyright -delete
find usr/share/doc -type d -empty -delete
rm -rf usr/share/man/* usr/share/info/* usr/share/groff usr/share/lintian usr/share/linda
find usr/share/locale -mindepth 1 -maxdepth 1 ! -name locale.alias -exec rm -rf {} +
rm -rf var/cache/apt/* var/lib/apt/lists/* var/log/*.log var/log/apt debootstrap tmp/* var/tmp/*
rm -f etc/hostname etc/resolv.conf var/cache/ldconfig/aux-cache
find var/cache/debconf -name '*-old' -delete`

/** The Debian mirror of this machine's own apt sources: the archive of its release, not the one for security updates. */
async function debianMirror(): Promise<string> {
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
  const targets = await command('apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI) $(RELEASE)',
    'Created-By: Packages',
  ])
  const mirror = targets
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, release]) => release === codename)?.[0]
  if (!mirror) {
    throw new Error(
      `Cannot tell the Debian mirror from this machine's apt sources: none of them is for the release '${codename}'; see 'apt-get indextargets'`,
    )
  }
  return mirror
}

/** A key of everything the base is made from, so that images built on it are built again when it changes. */
export const baseKey = (): string =>
  createHash('sha256')
    .update(JSON.stringify([SUITE, FILES, SLIM]))
    .digest('hex')

/** Makes `debian:forky-slim` in our storage unless it is there. About 40 s and 30 MB of packages the first time. */
export async function ensureBase({ log }: { log: Log }): Promise<string> {
  await requirePrograms({ buildah: 'buildah', debootstrap: 'debootstrap', flock: 'util-linux' })
  return withLock(cached('base/lock'), log, async () => {
    const done = cached('base/key')
    if (existsSync(done) && readFileSync(done, 'utf8') === baseKey() && (await hasImage(BASE_IMAGE))) return BASE_IMAGE
    const root = cached('base/root')
    const mirror = await debianMirror()
    rmSync(done, { force: true })
    rmSync(root, { recursive: true, force: true })
    mkdirSync(root, { recursive: true })
    await timed(log, `debootstrap of Debian ${SUITE}`, () =>
      // An older debootstrap has no script named for a new suite; 'sid' is the one it would link to.
      // In a mount namespace of its own, so that an interrupted run leaves no /proc mounted under the folder we delete.
      command(
        'unshare',
        ['--mount', '--propagation', 'private', 'debootstrap', '--variant=minbase', SUITE, root, mirror, 'sid'],
        {
          env: { ...process.env, LC_ALL: 'C' },
        },
      ),
    )
    for (const [path, text] of Object.entries(FILES)) {
      mkdirSync(join(root, path, '..'), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    await command('sh', ['-c', SLIM, 'sh', root])
    await timed(log, `storing it as ${BASE_IMAGE}`, async () => {
      const container = (await buildah('from', ['scratch'])).trim()
      try {
        await buildah('add', ['--quiet', container, root, '/'])
        await buildah('config', [
          '--cmd',
          'bash',
          '--env',
          'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          container,
        ])
        await buildah('commit', ['--quiet', container, BASE_IMAGE])
      } finally {
        await buildah('rm', [container])
      }
    })
    rmSync(root, { recursive: true, force: true })
    writeFileSync(done, baseKey())
    return BASE_IMAGE
  })
}

if (import.meta.main) await ensureBase({ log: (line) => console.error(line) })
