/** docs/reference/ids.md, ids/ and the DaemonSet say the same: variables with their defaults, rules, and the limits of readiness. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { repository } from '../images/places.ts'
import { ownRules } from './station.ts'

const read = (path: string): string => readFileSync(join(repository, path), 'utf8')
const page = read('docs/reference/ids.md')
const programs = ['sekisho-ids', 'sekisho-ids-interfaces', 'sekisho-ids-ready']
  .map((name) => read(`ids/${name}`))
  .join('\n')

t.test('each variable that the programs read stands in the page with its default, and no other', async (t) => {
  const inPage = new Map(
    [...page.matchAll(/^\| `(SEKISHO_IDS_\w+)` \| (.+?) \|/gm)].map(([, name, value]) => [name!, value!]),
  )
  const defaults = new Map(
    [...programs.matchAll(/\$\{(SEKISHO_IDS_\w+):?[=-]([^}]*)\}/g)].map(([, name, value]) => [name!, value!]),
  )
  t.same([...inPage.keys()].sort(), [...new Set(programs.match(/SEKISHO_IDS_[A-Z_]+/g))].sort())
  for (const [name, value] of defaults) if (value !== '') t.equal(inPage.get(name), `\`${value}\``, name)
})

t.test('each rule stands in the page, has a local sid, a revision and a limit to one alert', async (t) => {
  const lines = read('ids/sekisho.rules')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  t.same(
    [...page.matchAll(/^\| (\d+) \|/gm)].map(([, sid]) => Number(sid)),
    [...ownRules().keys()],
  )
  t.equal(lines.length, ownRules().size)
  for (const line of lines) {
    t.match(line, / threshold:type (both|limit), track by_\w+, count \d+, seconds \d+;/)
    t.match(line, / sid:1000\d{3}; rev:\d+;\)$/)
    t.notMatch(line, 'detection_filter')
  }
})

t.test(
  'the limits of readiness in the page are those of the program, and the baseline has as many rules as it asks for',
  async (t) => {
    const limit = (name: string) => new RegExp(`^${name}=(\\d+)`, 'm').exec(programs)?.[1]
    t.match(page, `not older than ${limit('max_age')} s`)
    t.match(
      page,
      `${limit('first_carried')} before the first one seen, ${limit('window_carried')} within ${limit('window')} s later`,
    )
    t.match(programs, `SEKISHO_IDS_MIN_RULES:=${ownRules().size}}`)
  },
)

t.test('the DaemonSet gives the image what it needs and nothing more', async (t) => {
  const objects = parseAllDocuments(read('manifests/base/ids.yaml')).map((one) => one.toJS())
  const { spec } = objects.find(({ kind }) => kind === 'DaemonSet').spec.template
  const [container] = spec.containers
  t.match(spec, {
    hostNetwork: true,
    securityContext: { runAsUser: 65532, runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  })
  t.same(container.securityContext, {
    allowPrivilegeEscalation: true,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'], add: ['NET_RAW'] },
  })
  t.same(container.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath).sort(), [
    '/etc/sekisho/ids',
    '/run/suricata',
    '/var/log/suricata',
  ])
  t.same(container.readinessProbe.exec.command, ['/usr/local/bin/sekisho-ids-ready'])
})
