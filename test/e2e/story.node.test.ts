/** The whole story on a real node, as `make demo` lives it; and the machine afterwards as it was before. */
import t from 'tap'
import { install } from './install.ts'
import { Narrator } from './narrator.ts'
import { startNewCluster } from './new-cluster.ts'
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
  await install(station, tell)
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
