/** The story on the cluster of the current kubeconfig. It must be free of Sekisho and of the story's names, and is left as it was. */
import { run } from '../cluster/run.ts'
import { IMAGE_DEFAULT, type Station } from './station.ts'

const kubectl: Station['kubectl'] = (args, options = {}) => run('kubectl', args, options)
const TAKEN = ['namespace/sekisho-system', 'namespace/sekisho-node', 'namespace/shop', 'pod/visitor']

export async function useCurrentCluster(): Promise<Station> {
  const prefix = process.env['IMAGE_PREFIX']
  if (!prefix)
    throw new Error(
      'Cannot use the current cluster as IMAGE_PREFIX must name where its nodes find our images, e.g. IMAGE_PREFIX=registry.example/sekisho: it is not set',
    )
  const context = await kubectl(['config', 'current-context'])
  if (context.code !== 0)
    throw new Error(`Cannot use the current cluster as kubectl has no current context: ${context.stderr.trim()}`)
  const found = await kubectl(['get', ...TAKEN, '--ignore-not-found', '-o', 'name', '-n', 'default'])
  if (found.code !== 0)
    throw new Error(`Cannot use the cluster of context ${context.stdout.trim()}: ${found.stderr.trim()}`)
  if (found.stdout.trim() !== '')
    throw new Error(
      `Cannot live the story on context ${context.stdout.trim()} as these exist there already: ${found.stdout.trim().split('\n').join(', ')}. Use another cluster or remove them`,
    )
  return {
    about: `context ${context.stdout.trim()}`,
    images: { prefix, tag: process.env['VERSION'] || IMAGE_DEFAULT.tag },
    kubectl,
  }
}

/** Takes the story and Sekisho out again. */
export async function leaveCurrentCluster(say: (line: string) => void): Promise<void> {
  const commands: [string, string[]][] = [
    ['kubectl', ['delete', 'namespace', 'shop', '--ignore-not-found']],
    ['kubectl', ['-n', 'default', 'delete', 'pod', 'visitor', '--ignore-not-found']],
    ['kubectl', ['label', 'nodes', '--all', 'example.com/watched-']],
    [process.execPath, ['src/cli.ts', 'uninstall', '--yes']],
  ]
  for (const [command, args] of commands) {
    const answer = await run(command, args)
    say(
      `${command === process.execPath ? 'sekisho uninstall' : `kubectl ${args.join(' ')}`}: ${answer.code === 0 ? 'done' : `failed: ${answer.stderr.trim()}`}`,
    )
    if (answer.code !== 0) process.exitCode = 1
  }
}
