/** The configuration of `sekisho rules`: what contradicts itself is found before anything is fetched. */
import t from 'tap'
import { ConfigError } from '../../src/config/errors.ts'
import { parseConfig } from '../../src/config/load.ts'
import { rulesConfig } from '../../src/config/rules.ts'

const parse = (yaml: string) => parseConfig(rulesConfig, yaml, 'rules.yaml').config.sources

t.test('rulesConfig: an empty mapping is the CRS by its LTS line, signed, and no IDS rules', (t) => {
  t.match(parse('{}'), {
    crs: { from: 'github', line: 'lts', verify: 'signature' },
    ids: { from: 'none' },
    everyMinutes: 60,
  })
  t.end()
})

const WRONG: [yaml: string, where: string, message: RegExp][] = [
  [
    'sources: {crs: {line: newest}}',
    '1:17',
    /must be lts, latest, a line such as 4.25, or a version such as 4.25.1: current value is "newest"/,
  ],
  ['sources: {crs: {line: 3.3.10}}', '1:17', /'sources.crs.line'/],
  ['sources: {crs: {line: 4.25.1-rc1}}', '1:17', /'sources.crs.line'/],
  ['sources: {crs: {verify: none}}', '1:17', /must be signature or sha256 for what comes over the network/],
  ['sources: {crs: {verify: sha256}}', '1:11', /Cannot do without 'sources.crs.sha256': .* for `verify: sha256`/],
  ['sources: {crs: {verify: sha256, sha256: ABC}}', '1:33', /must be a sha256 in lower-case hexadecimal/],
  ['sources: {crs: {fingerprints: []}}', '1:17', /'sources.crs.fingerprints'/],
  ['sources: {crs: {fingerprints: [AB8A6E72]}}', '1:32', /40 or 64 hexadecimal digits/],
  [
    'sources: {crs: {from: archive}}',
    '1:11',
    /Cannot do without 'sources.crs.archive.address': .* for `from: archive`/,
  ],
  ['sources: {crs: {from: archive, archive: {address: "ftp://x/y"}}}', '1:42', /must be an https address/],
  [
    'sources: {crs: {from: directory}}',
    '1:11',
    /Cannot do without 'sources.crs.directory.path': .* for `from: directory`/,
  ],
  [
    'sources: {crs: {from: configmap}}',
    '1:11',
    /Cannot do without 'sources.crs.configMap.name': .* for `from: configmap`/,
  ],
  ['sources: {crs: {github: {asset: crs.tar.gz}}}', '1:26', /a file name with \{version\} in it/],
  ['sources: {crs: {github: {repository: coreruleset}}}', '1:26', /OWNER\/NAME/],
  ['sources: {ids: {from: archive, verify: signature}}', '1:11', /Cannot do without 'sources.ids.fingerprints'/],
  ['sources: {crs: {form: github}}', '1:17', /did you mean 'sources.crs.from'/],
]

t.test('rulesConfig: what cannot work is refused at its line', (t) => {
  for (const [yaml, where, message] of WRONG) {
    try {
      parse(yaml)
      t.fail(`taken: ${yaml}`)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      t.match(error.problems[0], { where: `rules.yaml:${where}`, message }, yaml)
    }
  }
  t.end()
})

t.test(
  'rulesConfig: places that only the platform writes to may hold unsigned rules; ET Open may come unsigned over TLS',
  (t) => {
    t.match(parse('sources: {crs: {from: directory, verify: none, directory: {path: /rules}}}'), {
      crs: { verify: 'none' },
    })
    t.match(parse('sources: {ids: {from: archive}}'), {
      ids: { verify: 'none', archive: { address: /emerging\.rules\.tar\.gz$/ } },
    })
    t.end()
  },
)
