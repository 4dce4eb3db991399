import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  cpSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { inOwnNetwork } from './own-network.ts'
import { ask, startApp, startPod } from './pod.ts'

await inOwnNetwork(import.meta.filename)
const { server } = await startApp()
// Without the updater, so that this test is the one who writes.
const pod = await startPod({ updater: false })
t.teardown(async () => {
  server.close()
  await pod.stop()
})
const good = pod.status()!.generation
const rulesets = join(pod.run, 'rulesets')

let revision = 100
/** A copy of the good set, changed; named after its manifest unless `name` says otherwise. */
function place(change: (folder: string) => void, name?: string): string {
  const work = join(rulesets, '.work')
  rmSync(work, { recursive: true, force: true })
  cpSync(join(rulesets, good), work, { recursive: true })
  // Another content, so another name than the good one's.
  manifest(work, (text) => text.replace(/^crs .*/m, `crs 4.25.${++revision}`))
  change(work)
  const sum = () =>
    createHash('sha256')
      .update(readFileSync(join(work, 'manifest')))
      .digest('hex')
  const generation = name ?? `crs-4.25.0-${sum().slice(0, 16)}`
  // As the updater would have written it.
  execFileSync('chown', ['-R', '65532:65532', work])
  rmSync(join(rulesets, generation), { recursive: true, force: true })
  renameSync(work, join(rulesets, generation))
  return generation
}
const manifest = (folder: string, change: (text: string) => string) => {
  const path = join(folder, 'manifest')
  writeFileSync(path, change(readFileSync(path, 'utf8')))
}
const RESPONSE_980 = 'RESPONSE-980-CORRELATION.conf'
const withSum = (folder: string, file: string) => {
  const sum = createHash('sha256')
    .update(readFileSync(join(folder, file)))
    .digest('hex')
  manifest(folder, (text) => text.replace(new RegExp(`^[0-9a-f]{64} {2}${file}$`, 'm'), `${sum}  ${file}`))
}

const refused: [string, string, () => string][] = [
  ['is not there', 'RuleSetMissing', () => 'crs-4.25.0-0000000000000000'],
  [
    'is a link',
    'RuleSetMissing',
    () => {
      symlinkSync(good, join(rulesets, 'crs-4.25.0-1111111111111111'))
      return 'crs-4.25.0-1111111111111111'
    },
  ],
  [
    'has no manifest',
    'ManifestMissing',
    () => place((folder) => unlinkSync(join(folder, 'manifest')), 'crs-4.25.0-2222222222222222'),
  ],
  [
    'has a manifest changed after it was named',
    'ManifestForged',
    () =>
      place(
        (folder) => manifest(folder, (text) => text.replace(/^rules \d+/m, 'rules 1')),
        'crs-4.25.0-3333333333333333',
      ),
  ],
  [
    'has a manifest of another format',
    'ManifestInvalid',
    () => place((folder) => manifest(folder, (text) => text.replace('manifest 1', 'manifest 2'))),
  ],
  [
    'names a file outside its folder',
    'ManifestInvalid',
    () => place((folder) => manifest(folder, (text) => `${text}${'0'.repeat(64)}  ../../custom.conf\n`)),
  ],
  [
    'holds a file that the manifest does not name',
    'FilesUnlisted',
    () => place((folder) => writeFileSync(join(folder, 'custom-x.conf'), '# nothing\n')),
  ],
  [
    'lacks a file that the manifest names',
    'FilesUnlisted',
    () => place((folder) => unlinkSync(join(folder, RESPONSE_980))),
  ],
  [
    'has a file with other content',
    'FilesDiffer',
    () => place((folder) => appendFileSync(join(folder, RESPONSE_980), '# one more line\n')),
  ],
  [
    'has fewer rules than its manifest counts',
    'RuleCountDiffers',
    () =>
      place((folder) => {
        writeFileSync(join(folder, RESPONSE_980), '# nothing left\n')
        withSum(folder, RESPONSE_980)
      }),
  ],
  [
    'has a rule count of its own choice',
    'RuleCountDiffers',
    () => place((folder) => manifest(folder, (text) => text.replace(/^rules \d+/m, 'rules 99'))),
  ],
  [
    'does not load',
    'ConfigRefused',
    () =>
      place((folder) => {
        appendFileSync(join(folder, RESPONSE_980), '\nSecRule NO_SUCH_VARIABLE "@rx x" "id:5,phase:1,deny"\n')
        withSum(folder, RESPONSE_980)
        manifest(folder, (text) => text.replace(/^rules (\d+)/m, (_, rules) => `rules ${Number(rules) + 1}`))
      }),
  ],
  [
    'lets attacks pass',
    'BadRequestPassed',
    () =>
      place((folder) => {
        appendFileSync(join(folder, RESPONSE_980), '\nSecAction "id:5,phase:1,pass,nolog,ctl:ruleEngine=Off"\n')
        withSum(folder, RESPONSE_980)
        manifest(folder, (text) => text.replace(/^rules (\d+)/m, (_, rules) => `rules ${Number(rules) + 1}`))
      }),
  ],
]
for (const [what, reason, make] of refused)
  t.test(
    `sekisho-waf refuses a rule set that ${what} with ${reason}, and goes on with the one it serves`,
    async (t) => {
      const wanted = make()
      pod.kick(wanted)
      t.match(await pod.failed((now) => now.wanted === wanted), { generation: good, reason })
      t.ok(await pod.ready())
      t.equal((await ask('/?id=1%27%20UNION%20SELECT%20a,b%20FROM%20c--')).status, 403)
      rmSync(join(rulesets, wanted), { recursive: true, force: true })
    },
  )

for (const line of ['../../etc', '/etc/passwd', 'a b', 'A', '', 'x'.repeat(65), '.', 'a/../b', '$(reboot)', "a';x"])
  t.test(`sekisho-waf takes '${line.slice(0, 20)}' for no generation`, async (t) => {
    pod.kick(line)
    t.match(await pod.failed((now) => now.reason === 'NameInvalid'), { generation: good, state: 'failed' })
    pod.kick(good)
    await pod.active()
  })

t.test('sekisho-waf serves the good set again when it is asked for', async (t) => {
  pod.kick(good)
  t.match(await pod.active(), { generation: good, wanted: good, reason: 'Active' })
  t.notOk(pod.records().some((record) => record['component'] === 'nginx'))
})
