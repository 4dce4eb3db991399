/** How a command gets into a node's namespaces. */

/** Folders of the machine that a node covers with empty ones of its own. */
export const HIDDEN_IN_NODES = ['/run', '/var/run', '/var/log', '/var/lib']

export const hiddenInNodes = (folder: string): boolean =>
  HIDDEN_IN_NODES.some((hidden) => folder === hidden || folder.startsWith(`${hidden}/`))

/** What stands before the command; it starts in `folder` where that exists inside, else in `/`. */
export const enterNode = (pid: number, folder = '/'): string[] => [
  'nsenter',
  `--target=${pid}`,
  '-m',
  '-n',
  '-p',
  '-u',
  '-i',
  `--wdns=${hiddenInNodes(folder) ? '/' : folder}`,
  '--',
]
