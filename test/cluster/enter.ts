/** How a command gets into a node's namespaces; it starts in `/`, since a folder of the machine need not exist inside. */
export const enterNode = (pid: number): string[] => [
  'nsenter',
  `--target=${pid}`,
  '-m',
  '-n',
  '-p',
  '-u',
  '-i',
  '--wdns=/',
  '--',
]
