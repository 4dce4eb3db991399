/**
 * buildah with a storage of our own in the cache: the machine's containers, images and policy are neither read nor changed.
 * Each run has a mount namespace of its own, so what it mounts is gone with it, even when it is killed.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { type CommandOptions, command } from './command.ts'
import { cached } from './places.ts'

/** Subcommands that ask whether an image may be taken in. */
const SIGNED = new Set(['add', 'bud', 'commit', 'from', 'push'])

function commandLine(subcommand: string, args: readonly string[]): string[] {
  const storage = cached('containers')
  mkdirSync(storage, { recursive: true })
  // Only images made here ever enter this storage (--pull-never), so there is no signature to check.
  const policy = `${storage}/policy.json`
  writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}\n')
  // `vfs` works where overlay does not, at the price of a full copy for each layer.
  const driver = process.env['SEKISHO_STORAGE_DRIVER'] || 'overlay'
  return [
    'buildah',
    ...['--root', `${storage}/root`, '--runroot', `${storage}/run`, '--storage-driver', driver],
    ...[subcommand, ...(SIGNED.has(subcommand) ? ['--signature-policy', policy] : []), ...args],
  ]
}

const isolated = (program: readonly string[], options: CommandOptions = {}): Promise<string> =>
  command('unshare', ['--mount', '--propagation', 'private', ...program], {
    ...options,
    env: { ...process.env, BUILDAH_ISOLATION: 'chroot', ...options.env },
  })

/** Runs `buildah SUBCOMMAND …` on our storage and returns its stdout. */
export const buildah = (subcommand: string, args: readonly string[], options: CommandOptions = {}): Promise<string> =>
  isolated(commandLine(subcommand, args), options)

/** Whether our storage holds this image. */
export async function hasImage(reference: string): Promise<boolean> {
  const names = await buildah('images', ['--format', '{{.Name}}:{{.Tag}}'])
  return names.split('\n').includes(reference)
}

/** Copies the files of a working container into `folder`; `--archive` keeps file capabilities, which are extended attributes. */
export async function copyFiles(container: string, folder: string): Promise<void> {
  const script = 'target=$1; shift; mounted=$("$@") && cp --archive "$mounted/." "$target"'
  await isolated(['sh', '-euc', script, 'sh', folder, ...commandLine('mount', [container])])
}
