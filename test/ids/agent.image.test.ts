/** The agent beside a real Suricata: ready once it has shown that it sees, not ready for each way of being blind, and ready again. */
import t, { type Test } from 'tap'
import { type AgentStation, type AgentStationOptions, startAgentStation } from './agent-station.ts'

const station = async (t: Test, options: AgentStationOptions = {}): Promise<AgentStation> => {
  const started = await startAgentStation(options)
  t.teardown(() => started.close())
  return started
}
const READY = /^\d+ rules \(baseline\), \d+ packets seen and every canary caught on /

t.test('sekisho ids run is ready once its canary was caught, and says so with every number', async (t) => {
  const one = await station(t)
  t.comment(`ready after ${await one.until(READY)} s`)
  t.equal((await one.probe()).code, 0)
  const { report, checks } = one.status()
  t.match(report, {
    v: 1,
    ready: true,
    check: '',
    rules: { failed: 0, set: 'baseline' },
    interfaces: [{ name: 'eth0' }],
  })
  t.comment(checks)
  const pid = await one.suricataPid()
  process.kill(pid, 'SIGSTOP')
  t.comment(`silent after ${await one.until(/^SuricataSilent: /)} s`)
  process.kill(pid, 'SIGCONT')
  t.comment(`ready after ${await one.until(READY)} s`)
  t.comment(one.agent.stdout())
})
