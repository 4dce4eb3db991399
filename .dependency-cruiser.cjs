// The direction of imports: cli → edge rooms → pure rooms → {config, api}. docs/decisions/0001-rooms.md has the picture.
const PURE = '^src/((inject|guard(?!/loop/)|ids/(language|readiness)|audit/(formats|detect)|rules/(language|compile|policy|rollout))/|rules/model\\.ts$)'
const BASE = '^src/(api|config)/'
const EDGE = '^src/(admission|cluster|guard/loop|rules|ids|capture|findings|audit)/'
const IO = '^(node:)?(fs|net|http|https|http2|tls|dgram|dns|child_process|timers|worker_threads|crypto)(/|$)'
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'pure-rooms-import-only-api-config-and-themselves', severity: 'error',
      comment: 'A pure room takes data and returns data; hand clocks, clients and files in from the edge.',
      from: { path: PURE }, to: { path: '^(src|certs-job)/', pathNot: [PURE, BASE] } },
    { name: 'pure-rooms-know-no-io', severity: 'error', from: { path: PURE },
      to: { path: [IO, 'node_modules/(@kubernetes|fastify|pino|prom-client|node-forge)/'] } },
    { name: 'base-imports-nothing-of-ours', severity: 'error', from: { path: BASE }, to: { path: '^(src|certs-job)/', pathNot: [BASE] } },
    { name: 'api-imports-nothing-of-ours', severity: 'error', from: { path: '^src/api/' }, to: { path: '^(src|certs-job)/', pathNot: '^src/api/' } },
    { name: 'edge-rooms-do-not-import-each-other', severity: 'error',
      comment: 'Rooms meet in src/commands, which wires them; a room declares the interface it needs.',
      from: { path: '^src/(admission|cluster|capture|findings|audit)/', pathNot: PURE },
      to: { path: EDGE, pathNot: ['^src/$1/', PURE] } },
    { name: 'agent-and-loop-know-only-the-cluster', severity: 'error',
      comment: 'They are clients of the API server first of all, so its room is theirs to use; how archives are fetched and read is one thing for the agent and sekisho rules; no other is.',
      from: { path: '^src/(ids|guard/loop)/', pathNot: PURE },
      to: { path: EDGE, pathNot: ['^src/$1/', '^src/cluster/', '^src/rules/(archive|sources)/', PURE] } },
    { name: 'nothing-imports-the-cli', severity: 'error', from: { path: '^(src|certs-job)/', pathNot: '^src/(cli\\.ts|commands/)' }, to: { path: '^src/(cli\\.ts|commands/)' } },
    { name: 'certs-job-stands-alone', severity: 'error', from: { path: '^src/', pathNot: '^src/(cli\\.ts|commands/)' }, to: { path: '^certs-job/' } },
    { name: 'no-dev-dependencies-in-the-product', severity: 'error', from: { path: '^(src|certs-job)/' }, to: { dependencyTypes: ['npm-dev'], pathNot: '@types/' } },
  ],
  options: { tsPreCompilationDeps: true, doNotFollow: { path: 'node_modules' }, tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'], extensions: ['.ts', '.js', '.json'] } },
}
