/** Puts OCI archives into a node's containerd, where Pods find them without a registry. */
import { containerdSocket } from '../node-files.ts'
import { must } from '../run.ts'

export interface ImportInto {
  readonly work: string
  readonly binaries: Readonly<Record<string, string>>
}

/** Imports the archives into one node; each names its image itself. A name imported again means the new content at once. */
export async function importInto(
  { work, binaries }: ImportInto,
  node: string,
  paths: readonly string[],
): Promise<void> {
  for (const path of paths)
    await must(binaries['ctr']!, ['-a', containerdSocket(work, node), '-n', 'k8s.io', 'images', 'import', path])
}
