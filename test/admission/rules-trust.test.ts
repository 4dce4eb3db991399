/** The files that say what Pods are told: what can be used, what cannot, and what stays when they change. */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { issueCa, issueLeaf } from '../../certs-job/issue.ts'
import { makeSigningKey } from '../../certs-job/signing-keys.ts'
import { parseRulesTrust, watchRulesTrust } from '../../src/admission/rules-trust.ts'

const lifetime = { now: Date.now(), days: 1, backdateMs: 300_000 }
const [one, two] = await Promise.all([issueCa(lifetime), issueCa(lifetime)])
const [a, b] = (await Promise.all([makeSigningKey(), makeSigningKey()])).map(({ publicKey }) => publicKey)

t.test('parseRulesTrust() takes CAs and keys as the certificate job writes them', async (t) => {
  const told = parseRulesTrust(one.certPem + two.certPem, `${a}\n${b}\n`)
  t.same(told.keys, [a, b])
  t.equal(told.ca.match(/BEGIN CERTIFICATE/g)?.length, 2)
  t.same(parseRulesTrust(`# note\n${told.ca}`, `${a}\r\n${b}`), told, 'the same bytes, however it is written')
})

t.test('parseRulesTrust() says what cannot be used', async (t) => {
  const leaf = await issueLeaf({ ...one, notAfter: Date.now() + 86_400_000 }, ['x'], lifetime)
  const rows: [string, string, RegExp][] = [
    ['', `${a}\n`, /Cannot use ca\.crt: there is no certificate in it/],
    [leaf.certPem, `${a}\n`, /Cannot use ca\.crt: CN=x is not a CA/],
    ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', `${a}\n`, /Cannot use ca\.crt/],
    [one.certPem, '', /there must be 1 to 8 lines, and there are 0/],
    [one.certPem, `${a}\n`.repeat(9), /and there are 9/],
    [one.certPem, `${a}\nc2hvcnQ=\n`, /Cannot use keys: line 2 is not an Ed25519 public key/],
    [one.certPem, `$(X)${a}`.slice(0, 44), /line 1/],
  ]
  for (const [ca, keys, message] of rows) t.throws(() => parseRulesTrust(ca, keys), message)
})

/** As the kubelet does it: a new directory, and one rename of the link. */
const place = (directory: string, name: string, files: Record<string, string>): void => {
  mkdirSync(join(directory, name))
  for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, name, file), text)
  symlinkSync(name, join(directory, '..tmp'))
  renameSync(join(directory, '..tmp'), join(directory, '..data'))
  for (const file of ['ca.crt', 'keys']) {
    rmSync(join(directory, file), { force: true })
    symlinkSync(join('..data', file), join(directory, file))
  }
}

t.test(
  'watchRulesTrust() tells nothing, then what comes, and for some minutes bears with what was before',
  async (t) => {
    const directory = t.testdir({})
    let now = 0
    const said: string[] = []
    const files = watchRulesTrust({
      directory,
      now: () => now,
      checkEveryMs: 50,
      onLoaded: ({ keys }) => void said.push(keys.join()),
      onRefused: (problem) => void said.push(problem),
    })
    t.teardown(() => files.close())
    t.match(said, [/^Cannot read ca\.crt in .*: it is not there\.$/])
    t.same(files.snapshot(), { current: undefined, recent: [undefined] })

    place(directory, '..1', { 'ca.crt': one.certPem, keys: `${a}\n` })
    for (let tries = 0; said.length < 2 && tries < 200; tries += 1) await sleep(50)
    t.equal(said.at(-1), a)
    const first = files.snapshot().current
    t.match(files.snapshot(), { current: { keys: [a] }, recent: [undefined, undefined] })
    t.equal(files.problem, undefined)

    now = 1_000_000
    t.same(files.snapshot().recent, [], 'after ten minutes nothing else counts')
    place(directory, '..2', { 'ca.crt': one.certPem, keys: `${b}\n${a}\n` })
    files.check()
    t.match(files.snapshot(), { current: { keys: [b, a] }, recent: [first] })

    place(directory, '..3', { 'ca.crt': 'broken', keys: `${a}\n` })
    files.check()
    t.match(files.problem, /Cannot use ca\.crt/)
    t.match(files.snapshot(), { current: { keys: [b, a] } }, 'what cannot be used changes nothing')
    files.check()
    t.equal(said.filter((line) => line.startsWith('Cannot use')).length, 1, 'and is said once')
  },
)
