/** The whole story on a real node, as `make demo` lives it; and the machine afterwards as it was before. */
import t from 'tap'
import { install } from './install.ts'
import { Narrator } from './narrator.ts'
import { startNewCluster } from './new-cluster.ts'
import { bringRules, PACKED_RULES } from './packed-rules.ts'
import { Story } from './story.ts'

t.setTimeout(20 * 60_000)
const lines: string[] = []
const tell = new Narrator((line) => lines.push(line))
const { station, cluster } = await startNewCluster('story', (line) => t.comment(line))
t.teardown(() => cluster.stop())
t.on('end', () => {
  if (!t.passing()) process.stderr.write(`${lines.join('\n')}\n`)
})

t.test('install() ends when the webhook answers', async (t) => {
  await install(station, tell, PACKED_RULES)
  await bringRules(station, tell)
  const configurations = await cluster.kubectl([
    'get',
    'mutatingwebhookconfiguration',
    'sekisho',
    '-o',
    'jsonpath={.webhooks[*].clientConfig.caBundle}',
  ])
  t.ok(configurations.stdout.length > 100, 'the caBundle is in place')
})

t.test('Story.live() is true of a real cluster', async (t) => {
  await new Story(station, tell).live()
  const answers = lines.join('\n')
  t.match(answers, /403 Forbidden/)
  t.match(answers, /X-Request-Id: [0-9a-f]{32}/i)
})

t.test('sekisho webhook killed on one replica: every Pod of a Deployment comes up all the same', async (t) => {
  const pids = async () => (await cluster.exec('pgrep', ['-f', 'sekisho.mjs webhook'])).stdout.trim().split('\n')
  const before = await pids()
  const found = await cluster.exec('pgrep', ['-a', '-f', 'sekisho.mjs webhook'])
  t.equal(before.length, 2, `two replicas: ${found.stdout}`)
  await cluster.kubectlOk(['-n', 'shop', 'scale', 'deployment/web', '--replicas=8'])
  await cluster.exec('kill', ['-KILL', before[0]!])
  await cluster.kubectlOk(['-n', 'shop', 'rollout', 'status', 'deployment/web', '--timeout=180s'])
  const names = await cluster.kubectlOk([
    '-n',
    'shop',
    'get',
    'pods',
    '-l',
    'app=web',
    '--field-selector=status.phase=Running',
    '-o',
    'jsonpath={range .items[*]}{.spec.initContainers[*].name}{"\\n"}{end}',
  ])
  t.same(names.trim().split('\n'), new Array(8).fill('sekisho-rules sekisho-waf'))
  await cluster.kubectlOk(['-n', 'sekisho-system', 'rollout', 'status', 'deployment/sekisho-webhook', '--timeout=60s'])
  t.notSame(await pids(), before, 'one of them is a new process')
})
