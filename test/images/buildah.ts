/** buildah with a storage of our own in the cache: the machine's containers, images and policy are neither read nor changed. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { type CommandOptions, command } from './command.ts'
import { cached } from './places.ts'

/** Runs `buildah SUBCOMMAND …` on our storage and returns its stdout. */
export function buildah(subcommand: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const storage = cached('containers')
  mkdirSync(storage, { recursive: true })
  // Only images made here ever enter this storage (--pull-never), so there is no signature to check.
  const policy = `${storage}/policy.json`
  writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}\n')
  const signed = ['add', 'bud', 'commit', 'from', 'push'].includes(subcommand)
  const overlay = process.env['SEKISHO_STORAGE_DRIVER'] || 'overlay'
  return command(
    'buildah',
    [
      ...['--root', `${storage}/root`, '--runroot', `${storage}/run`, '--storage-driver', overlay],
      subcommand,
      ...(signed ? ['--signature-policy', policy] : []),
      ...args,
    ],
    { ...options, env: { ...process.env, BUILDAH_ISOLATION: 'chroot', ...options.env } },
  )
}

/** Whether our storage holds this image. */
export async function hasImage(reference: string): Promise<boolean> {
  const names = await buildah('images', ['--format', '{{.Name}}:{{.Tag}}'])
  return names.split('\n').includes(reference)
}
