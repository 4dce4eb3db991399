/** docs/reference/ids.md and ids-agent.md, ids/ and the DaemonSet say the same: variables with their defaults, rules, files, the probe. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { idsConfig } from '../../src/config/ids.ts'
import { repository } from '../images/places.ts'
import { ownRules } from './station.ts'

const read = (path: string): string => readFileSync(join(repository, path), 'utf8')
const page = read('docs/reference/ids.md')
const agentPage = read('docs/reference/ids-agent.md')
const programs = ['sekisho-ids', 'sekisho-ids-blind', 'sekisho-ids-cpus', 'sekisho-ids-interfaces', 'sekisho-ids-ready']
  .map((name) => read(`ids/${name}`))
  .join('\n')

/** Its alerts go to the agent alone. */
const CANARY = 1000000

t.test('each variable that the programs read stands in the page with its default, and no other', async (t) => {
  const inPage = new Map(
    [...page.matchAll(/^\| `(SEKISHO_IDS_\w+)` \| (.+?) \|/gm)].map(([, name, value]) => [name!, value!]),
  )
  const defaults = new Map(
    [...programs.matchAll(/\$\{(SEKISHO_IDS_\w+):?[=-]([^}]*)\}/g)].map(([, name, value]) => [name!, value!]),
  )
  t.same([...inPage.keys()].sort(), [...new Set(programs.match(/SEKISHO_IDS_[A-Z0-9_]+/g))].sort())
  for (const [name, value] of defaults)
    if (value !== '' && !value.startsWith('$')) t.equal(inPage.get(name), `\`${value}\``, name)
})

t.test(
  'each rule stands in the page, has a local sid, a revision and, but for the canary, a limit to one alert',
  async (t) => {
    const lines = read('ids/sekisho.rules')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    t.same(
      [...page.matchAll(/^\| (\d+) \|/gm)].map(([, sid]) => Number(sid)),
      [...ownRules().keys()].filter((sid) => sid !== CANARY),
    )
    t.equal(lines.length, ownRules().size)
    for (const line of lines) {
      if (!line.includes(`sid:${CANARY};`))
        t.match(line, / threshold:type (both|limit), track by_\w+, count \d+, seconds \d+;/)
      t.match(line, / sid:1000\d{3}; rev:\d+;\)$/)
      t.notMatch(line, 'detection_filter')
    }
  },
)

t.test(
  'the canary of the rule, of the page, of the configuration and of what is kept from people is one',
  async (t) => {
    const { canary } = idsConfig.parse({})
    const rule = read('ids/sekisho.rules')
      .split('\n')
      .find((line) => line.includes(`sid:${CANARY};`))!
    const [, groups, port] = /^alert udp any any -> \[([^\]]+)\] (\d+) \(/.exec(rule)!
    t.equal(groups!.split(',')[0], canary.group)
    t.equal(Number(port), canary.port)
    t.match(agentPage, `sid ${CANARY}, group \`${canary.group}\` port ${canary.port}`)
    t.match(programs, `'"signature_id":${CANARY},'`)
  },
)

t.test('the probe believes the agent for as long as the page says', async (t) => {
  const [, limit] = /^limit=(\d+)/m.exec(read('ids/sekisho-ids-ready'))!
  t.match(agentPage, `at most ${limit} s old`)
})

t.test('each file that sekisho-ids writes for the agent stands in the page', async (t) => {
  const inPage = [...agentPage.matchAll(/^\| `([\w.-]+)` \| `sekisho-ids` \|/gm)].map(([, name]) => name!)
  const written = [...read('ids/sekisho-ids').matchAll(/publish ([\w-]+)|\$run\/(node\.yaml|records)"/g)]
  t.same([...inPage].sort(), [...new Set(written.map(([, published, other]) => published ?? other!))].sort())
})

t.test('the DaemonSet gives each container what it needs and nothing more', async (t) => {
  const objects = parseAllDocuments(read('manifests/base/ids.yaml')).map((one) => one.toJS())
  const { spec } = objects.find(({ kind }) => kind === 'DaemonSet').spec.template
  const [suricata, agent] = spec.containers
  t.match(spec, {
    hostNetwork: true,
    automountServiceAccountToken: false,
    securityContext: { runAsUser: 65532, runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  })
  t.same(
    spec.containers.map(({ name }: { name: string }) => name),
    ['suricata', 'agent'],
  )
  t.equal(suricata.image, agent.image)
  t.same(suricata.securityContext, {
    allowPrivilegeEscalation: true,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'], add: ['NET_RAW'] },
  })
  t.same(agent.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  })
  const mounts = ({ volumeMounts }: { volumeMounts: { mountPath: string }[] }) =>
    volumeMounts.map(({ mountPath }) => mountPath).sort()
  const { runDirectory, stateDirectory, rules } = idsConfig.parse({})
  t.same(mounts(suricata), [runDirectory])
  t.same(
    mounts(agent),
    [
      runDirectory,
      stateDirectory,
      dirname(rules.service.tokenFile),
      '/etc/sekisho/config',
      '/tmp',
      '/var/run/secrets/kubernetes.io/serviceaccount',
    ].sort(),
  )
  t.notOk(suricata.readinessProbe)
  t.same(agent.readinessProbe.exec.command, ['/usr/local/bin/sekisho-ids-ready'])
})
