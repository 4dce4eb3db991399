import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runImage } from '../images/run.ts'
import { compiled, realRelease, SETUP } from '../rules/compile/support.ts'
import { inOwnNetwork, POD_IP } from './own-network.ts'
import { ask, startApp, startPod, until } from './pod.ts'
import { asked, loadSet, newKey, placeSet, type SetOptions, statusOf } from './signed-sets.ts'

await inOwnNetwork(import.meta.filename)
const ATTACK = '/?id=1%27%20UNION%20SELECT%20a,b%20FROM%20c--'
const [first, second, next, foreign] = [newKey(), newKey(), newKey(), newKey()] as const
const release = await realRelease('4.25.0')
const before = (id: number) => [
  { name: 'rules.conf', text: `SecRule REQUEST_FILENAME "@beginsWith /internal" "id:${id},phase:1,deny,status:403"\n` },
]
const content = compiled({ release, before: before(100_001) })
const other = compiled({ release, before: before(100_002) })
const KEYS = { SEKISHO_RULES_KEYS: `${first.public} ${second.public}` }
const { server } = await startApp()
let pod = await startPod({ updater: false, env: KEYS })
t.teardown(async () => {
  server.closeAllConnections()
  server.close()
  await pod.stop()
})
const baseline = pod.status()!.generation
let sequence = 1_795_600_000
const set = (options: Partial<SetOptions> = {}): SetOptions => ({ key: first, sequence: ++sequence, ...options })
let good = ''

t.test('a compiled and signed rule set is served, with its own setup and limits', async (t) => {
  const setup = {
    ...SETUP,
    paranoiaLevel: 2,
    allowedMethods: ['GET', 'POST'],
    bodyLimitBytes: 20_000,
    fieldsLimitBytes: 2_000,
  }
  const small = compiled({ release, setup, before: before(100_001) })
  const status = await loadSet(pod, small, set({ key: second }))
  t.match(status, { state: 'active', reason: 'Active', rules: small.rules, sequence, previous: baseline })
  t.equal((await ask('/')).status, 200)
  t.equal((await ask(ATTACK)).status, 403)
  t.equal((await ask('/internal/x')).status, 403)
  t.equal((await ask('/', { method: 'DELETE' })).status, 403, 'a method that its setup does not allow')
  const form = (bytes: number) =>
    ask('/', { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: `a=${'b'.repeat(bytes)}` })
  t.equal((await form(1_500)).status, 200)
  t.equal((await form(3_000)).status, 400, 'larger than its fields-limit')
  t.equal((await form(30_000)).status, 413, 'larger than its body-limit')
  const rendered = readFileSync(join(pod.run, 'waf', `${status.generation}.block.modsecurity.conf`), 'utf8')
  for (const variable of ['blocking_paranoia_level', 'allowed_methods', 'crs_setup_version'])
    t.notMatch(rendered, variable, 'the rule set says so, and it alone')
})

t.test('the same content signed anew is adopted: keys and sequence are new, nginx is not reloaded', async (t) => {
  good = (await loadSet(pod, content, set())).generation
  const reloads = async () =>
    /reloads_total\{outcome="active"\} (\d+)/.exec((await ask('/metrics', { port: 15021 })).body)![1]
  const earlier = await reloads()
  const adopted = await loadSet(pod, content, set({ keys: [first.public, next.public], rollback: true, ca: 'PEM\n' }))
  t.match(adopted, { state: 'active', reason: 'Active', sequence, previous: good })
  t.not(adopted.generation, good)
  t.equal(await reloads(), earlier)
  t.ok(await pod.ready())
  rmSync(join(pod.run, 'rulesets', good), { recursive: true })
  t.test('and a restart, or the end of nginx, serves it from its own folder', async (t) => {
    await pod.waf.exec(['sh', '-c', 'kill -9 $(cat /run/sekisho/waf/nginx.pid)'])
    await until('nginx to be started again', async () =>
      /restarts_total\{part="nginx"\} [1-9]/.test(
        (await ask('/metrics', { port: 15021 }).catch(() => ({ body: '' }))).body,
      ),
    )
    await until('readiness', pod.ready)
    await pod.restartWaf()
    await until('readiness', pod.ready)
    t.match(statusOf(pod), { generation: adopted.generation, sequence, state: 'active' })
  })
  good = adopted.generation
})

t.test('a key that a manifest carried signs what comes next, over a restart too', async (t) => {
  t.match(await loadSet(pod, other, set({ key: next, keys: [next.public] })), { state: 'active', sequence })
  await pod.restartWaf({ hard: true })
  await until('readiness', pod.ready)
  const status = await loadSet(pod, content, set({ key: next }))
  t.match(status, { state: 'active', sequence })
  good = status.generation
})

const refused: [string, string, () => string][] = [
  ['that another key signed', 'BadSignature', () => placeSet(pod, other, set({ key: foreign }))],
  [
    'that another key signed and that brings that key along',
    'BadSignature',
    () => placeSet(pod, other, set({ key: foreign, keys: [foreign.public] })),
  ],
  [
    'without manifest.sig',
    'FilesUnlisted',
    () => placeSet(pod, other, set({ signature: () => undefined, files: (f) => writeFileSync(join(f, 'ca.crt'), '') })),
  ],
  ['with no manifest.sig', 'BadSignature', () => placeSet(pod, other, set({ signature: () => undefined }))],
  [
    'with a signature of 63 bytes',
    'BadSignature',
    () => placeSet(pod, other, set({ signature: (right) => right.subarray(1) })),
  ],
  [
    'with a signature of 65 bytes',
    'BadSignature',
    () => placeSet(pod, other, set({ signature: (right) => Buffer.concat([right, Buffer.of(0)]) })),
  ],
  [
    'with a signature in base64',
    'BadSignature',
    () => placeSet(pod, other, set({ signature: (right) => Buffer.from(right.toString('base64')) })),
  ],
  ['with a signature of zeros', 'BadSignature', () => placeSet(pod, other, set({ signature: () => Buffer.alloc(64) }))],
  [
    'whose signature is a link',
    'BadSignature',
    () =>
      placeSet(
        pod,
        other,
        set({
          files: (f) => {
            rmSync(join(f, 'manifest.sig'))
            symlinkSync('/run/sekisho/status.json', join(f, 'manifest.sig'))
          },
        }),
      ),
  ],
  ['for another namespace', 'WrongNamespace', () => placeSet(pod, other, set({ namespace: 'shop2' }))],
  ['with a lower sequence', 'LowerSequence', () => placeSet(pod, other, set({ sequence: 1_795_600_001 }))],
  [
    'with a lower sequence that calls itself a rollback',
    'LowerSequence',
    () => placeSet(pod, other, set({ sequence: 1, rollback: true })),
  ],
  [
    'with the sequence of what is served',
    'LowerSequence',
    () => placeSet(pod, other, set({ sequence: statusOf(pod).sequence })),
  ],
  [
    'with a file changed after it was signed',
    'FilesDiffer',
    () =>
      placeSet(
        pod,
        other,
        set({ files: (f) => appendFileSync(join(f, 'REQUEST-942-APPLICATION-ATTACK-SQLI.conf'), '#\n') }),
      ),
  ],
  ['of version 1 that is not the baseline', 'NotSigned', () => unsigned((text) => text)],
  ['of version 1, the very baseline, after a signed one', 'NotSigned', () => baseline],
  ...(
    [
      ['without its last line’s end', (text) => text.slice(0, -1)],
      ['with a carriage return', (text) => text.replace('\n', '\r\n')],
      ['with a zero byte', (text) => text.replace('rollback no', 'rollback no\0')],
      ['with a line too many', (text) => `${text}\n`],
      ['with a comment', (text) => text.replace('rules ', '# rules\nrules ')],
      ['with two namespaces', (text) => text.replace(/^(namespace .*\n)/m, '$1$1')],
      ['with a sequence of 0', (text) => text.replace(/^sequence .*/m, 'sequence 0')],
      ['with a sequence of 17 digits', (text) => text.replace(/^sequence .*/m, 'sequence 11111111111111111')],
      ['with a sequence like 08', (text) => text.replace(/^sequence .*/m, 'sequence 08')],
      ['with a rollback of maybe', (text) => text.replace('rollback no', 'rollback maybe')],
      ['without a rollback', (text) => text.replace('rollback no\n', '')],
      [
        'with a fields-limit above its body-limit',
        (text) => text.replace(/^fields-limit .*/m, 'fields-limit 13107201'),
      ],
      ['with a body-limit of words', (text) => text.replace(/^body-limit .*/m, 'body-limit 1g')],
      ['with a short key', (text) => text.replace(/^(fields-limit .*\n)/m, '$1key AAAA\n')],
      ['with a key after the files', (text) => `${text}key ${first.public}\n`],
      [
        'with a range that is nginx’s own words',
        (text) => text.replace(/^(fields-limit .*\n)/m, '$1only-from 0.0.0.0/0;default/0\n'),
      ],
      ['with files out of order', (text) => text.replace(/^([0-9a-f]{64} .*\n)([0-9a-f]{64} .*\n)/m, '$2$1')],
      ['of version 3', (text) => text.replace('manifest 2', 'manifest 3')],
    ] as [string, (text: string) => string][]
  ).map(([what, change]): [string, string, () => string] => [
    what,
    'ManifestInvalid',
    () => placeSet(pod, other, set({ manifest: change })),
  ]),
]
/** The compiled content in the form that needs no signature. */
function unsigned(change: (text: string) => string): string {
  return placeSet(
    pod,
    other,
    set({
      manifest: (text) =>
        change(text.replace('manifest 2', 'manifest 1').replace(/^namespace [\s\S]*?^fields-limit .*\n/m, '')),
      signature: () => undefined,
    }),
  )
}
for (const [what, reason, make] of refused)
  t.test(`sekisho-waf refuses a rule set ${what} with ${reason}, and goes on with the one it serves`, async (t) => {
    const wanted = make()
    const status = await asked(pod, wanted)
    t.match(status, { state: 'failed', reason, generation: good }, status.detail)
    t.ok(await pod.ready())
    t.equal((await ask(ATTACK)).status, 403)
    if (wanted !== baseline) rmSync(join(pod.run, 'rulesets', wanted), { recursive: true, force: true })
  })

t.test(
  'a rule set that was served before is not served again under its old sequence, also after a restart',
  async (t) => {
    const old = placeSet(pod, other, set())
    t.match(await asked(pod, old), { state: 'active' })
    good = (await loadSet(pod, content, set())).generation
    t.match(await asked(pod, old), { state: 'failed', reason: 'LowerSequence', generation: good })
    await pod.restartWaf({ hard: true })
    await until('readiness', pod.ready)
    t.match(statusOf(pod), { generation: good, sequence })
    t.match(await asked(pod, old), { state: 'failed', reason: 'LowerSequence', generation: good })
    t.match(await loadSet(pod, other, set({ rollback: true })), { state: 'active', sequence })
  },
)

t.test(
  'only-from: whoever connects from elsewhere is refused, whatever X-Forwarded-For says; health is not',
  async (t) => {
    const locked = (onlyFrom: string[]) => compiled({ release, setup: { ...SETUP, onlyFrom } as typeof SETUP })
    t.match(await loadSet(pod, locked(['192.0.2.0/24', '2001:db8::/32']), set()), { state: 'active' })
    t.equal((await ask('/')).status, 403)
    t.equal((await ask('/', { headers: { 'x-forwarded-for': '192.0.2.7' } })).status, 403)
    t.ok(await pod.ready())
    t.match(
      await loadSet(
        pod,
        locked([
          '10.0.0.0/8',
          '127.0.0.0/8',
          '192.168.0.0/16',
          '172.16.0.0/12',
          '169.254.0.0/16',
          '198.18.0.0/15',
          '192.0.2.0/24',
        ]),
        set(),
      ),
      { state: 'active' },
    )
    t.equal((await ask('/')).status, 200)
    t.equal((await ask(ATTACK)).status, 403)
  },
)

t.test('sekisho-waf does not start with keys and no namespace', async (t) => {
  const env = { ...KEYS, SEKISHO_MODE: 'block', SEKISHO_PORTS: '15080:8080:http', SEKISHO_UPSTREAM_HOST: POD_IP }
  const { code, stderr } = await runImage('sekisho-waf', { command: ['/usr/local/bin/sekisho-waf'], env })
  t.equal(code, 64)
  t.match(stderr, /SEKISHO_POD_NAMESPACE must be set where SEKISHO_RULES_KEYS is/)
})

t.test('without keys nothing signed is believed, and the baseline is served', async (t) => {
  await pod.stop()
  pod = await startPod({ updater: false })
  const status = await loadSet(pod, content, set())
  t.match(status, { state: 'failed', reason: 'NoKeys', generation: baseline })
})

t.test(
  'with keys the baseline and judged rules of the namespace are served until the first signed set, by the updater',
  async (t) => {
    await pod.stop()
    pod = await startPod({ env: KEYS, custom: { 'rules.conf': before(100_001)[0]!.text } })
    t.match(statusOf(pod), { state: 'active', sequence: 0 })
    t.equal((await ask('/internal')).status, 403)
    await pod.rules!.stop()
    const wanted = unsigned(String)
    t.match(await asked(pod, wanted), { state: 'failed', reason: 'NotSigned' })
    const rules = join(pod.run, 'rulesets')
    const custom = statusOf(pod).generation
    // The baseline with a rule that the updater would have refused.
    execFileSync('sh', [
      '-ec',
      `cd "$0"; rm -rf .work; cp -r "$1" .work; printf 'SecRuleEngine Off\\n' > .work/custom-rules.conf
    sum=$(sha256sum < .work/custom-rules.conf | cut -c1-64)
    sed -i "s/^[0-9a-f]*  custom-rules.conf/$sum  custom-rules.conf/; s/^rules .*/rules $(($(sed -n 's/^rules //p' .work/manifest) - 1))/" .work/manifest
    mv .work "crs-4.25.0-$(sha256sum < .work/manifest | cut -c1-16)"; chown -R 65532:65532 .`,
      rules,
      custom,
    ])
    const made = execFileSync('sh', ['-c', 'cd "$0"; grep -l "SecRuleEngine Off" */custom-rules.conf', rules], {
      encoding: 'utf8',
    }).split('/')[0]!
    const status = await asked(pod, made)
    t.match(status, { state: 'failed', reason: 'CustomRefused', generation: custom })
    t.match(status.detail, /SecRuleEngine/)
    t.match(await loadSet(pod, content, set()), { state: 'active', sequence })
  },
)

t.test('a full volume: nothing that cannot be remembered is served, and it comes when there is room', async (t) => {
  await pod.stop()
  pod = await startPod({ updater: false, env: KEYS, runBytes: 12 << 20 })
  const old = await loadSet(pod, content, set())
  t.match(old, { state: 'active' })
  const wanted = placeSet(pod, other, set())
  const again = placeSet(pod, content, set())
  execFileSync('sh', ['-c', `cat /dev/zero > ${pod.run}/full 2> /dev/null || true`])
  for (const name of [wanted, again]) {
    pod.kick(name)
    await until(
      'the refusal',
      () => pod.waf.stderr().includes('"reason":"CannotWrite"') && pod.waf.stderr().includes(name),
    )
  }
  t.ok(await pod.ready())
  t.equal((await ask(ATTACK)).status, 403)
  t.notOk(
    existsSync(join(pod.run, 'waf', `${wanted}.block.bench.conf`)) &&
      readFileSync(join(pod.run, 'waf/highest'), 'utf8').includes(wanted),
  )
  rmSync(join(pod.run, 'full'))
  t.match(await asked(pod, wanted), { state: 'active' })
})
