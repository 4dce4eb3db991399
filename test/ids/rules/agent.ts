/**
 * The rule pipeline alone, as the container `agent` runs it, for the tests beside: settings by the environment, one JSON line for each Event, log
 * line and change of its state.
 */
import { join } from 'node:path'
import { findAccess } from '../../../src/cluster/access.ts'
import { createApiClient } from '../../../src/cluster/api-client.ts'
import { idsConfig } from '../../../src/config/ids.ts'
import { judgeIdsRules } from '../../../src/ids/language/judge.ts'
import { startAgentRules } from '../../../src/ids/rules/agent-rules.ts'
import { createSuricataSocket } from '../../../src/ids/suricata-socket.ts'

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
const config = idsConfig.parse(JSON.parse(process.env['AGENT_CONFIG'] ?? '{}'))
const kubeconfig = process.env['AGENT_KUBECONFIG']
const client = kubeconfig ? createApiClient(await findAccess({ kubeconfig }), 'test') : undefined
const log = {
  info: (fields: object, message: string) => say({ log: message, ...fields }),
  warn: (fields: object, message: string) =>
    say({ log: message, ...fields, ...('err' in fields && { err: String((fields as { err: unknown }).err) }) }),
}
const stopping = new AbortController()
const rules = await startAgentRules({
  config,
  engine: createSuricataSocket({
    path: join(config.runDirectory, 'suricata-command.socket'),
    monotonic: () => performance.now(),
  }),
  judge: (files) => judgeIdsRules({ files, allow: config.rules.allow }).problems,
  client,
  tell: (event, note) => say({ event, note }),
  log,
  signal: stopping.signal,
  userAgent: 'test',
  limits: JSON.parse(process.env['AGENT_LIMITS'] ?? '{}'),
})
process.once('SIGTERM', () => {
  stopping.abort()
  void rules.done.then(() => process.exit(0))
})
let last = ''
setInterval(() => {
  const state = JSON.stringify(rules.state())
  if (state !== last) process.stdout.write(`{"state":${state}}\n`)
  last = state
}, 100)
