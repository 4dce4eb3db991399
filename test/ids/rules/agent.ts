/**
 * The rule pipeline alone, as the container `agent` runs it, for the tests beside: settings by the environment, one JSON line for each Event, log
 * line and change of its state.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
const socket = createSuricataSocket({
  path: join(config.runDirectory, 'suricata-command.socket'),
  monotonic: () => performance.now(),
})

/** What the test wants to go wrong at the next reloads, one word for each: the file of the set is spoilt, or the command itself. */
const order = join(config.stateDirectory, 'sabotage')
const active = join(config.runDirectory, 'rules/active/suricata.rules')
const SABOTAGE: Readonly<Record<string, () => unknown>> = {
  empty: () => writeFileSync(active, ''),
  comments: () => writeFileSync(active, '# nothing here\n'),
  garbage: () => writeFileSync(active, '<html>not found</html>\n'),
  missing: () => rmSync(active),
  directory: () => {
    rmSync(active)
    mkdirSync(active)
  },
  // Another one asks first: the second answer is NOK.
  busy: () => socket.command('ruleset-reload-nonblocking'),
  // Suricata is never asked, and the answer is as if it had been.
  swallow: () => {
    throw SWALLOWED
  },
  // No signal of its own ends the first process of a container.
  die: () => process.exit(137),
}
const SWALLOWED = Symbol('swallowed')
const engine = {
  command: async (name: string) => {
    if (name === 'ruleset-reload-nonblocking' && existsSync(order)) {
      const [word = '', ...rest] = readFileSync(order, 'utf8').trim().split(' ')
      if (rest.length > 0) writeFileSync(order, rest.join(' '))
      else rmSync(order)
      say({ sabotage: word })
      try {
        await SABOTAGE[word]?.()
      } catch (error) {
        if (error === SWALLOWED) return 'done'
        throw error
      }
    }
    return socket.command(name)
  },
}
const rules = await startAgentRules({
  config,
  engine,
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
