/**
 * The OWASP Core Rule Set as its releases are packed (`coreruleset-X-minimal.tar.gz`):
 *
 *     coreruleset-4.25.0/crs-setup.conf.example, LICENSE
 *     coreruleset-4.25.0/rules/*.conf, *.data      plugins/*.conf, *.data
 *
 * Its version stands in the folder's name and in each rule (`ver:'OWASP_CRS/4.25.0'`). Both are inside of what is signed, while the name of
 * the download is not: an old release under a new name is seen here.
 */
import type { RuleFile, RuleFiles } from '../files.ts'
import type { Layout } from '../layout.ts'
import { quoted } from '../quoted.ts'
import { refusedArchive } from '../refusals.ts'

const TAKEN = /^(crs-setup\.conf\.example|LICENSE|(rules|plugins)\/[A-Za-z0-9._-]+\.(conf|data))$/

/** Without these nothing is initialised, or nothing is ever blocked. */
const NEEDED = [
  'crs-setup.conf.example',
  'rules/REQUEST-901-INITIALIZATION.conf',
  'rules/REQUEST-949-BLOCKING-EVALUATION.conf',
  'rules/RESPONSE-959-BLOCKING-EVALUATION.conf',
]

const textOf = ({ bytes }: RuleFile) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')

const rulesFiles = (files: RuleFiles) =>
  [...files].filter(([path]) => path.startsWith('rules/') && path.endsWith('.conf')).map(([, file]) => textOf(file))

export const crsLayout: Layout = {
  kind: 'crs',
  tops: ['rules', 'plugins'],
  takes: (path) => TAKEN.test(path),
  judge(files, root) {
    const missing = NEEDED.filter((path) => !files.has(path))
    if (missing.length > 0) return refusedArchive('MissingFiles', `Missing: ${missing.join(', ')}.`)
    const texts = rulesFiles(files)
    const versions = new Set(
      texts.flatMap((text) => [...text.matchAll(/ver:'OWASP_CRS\/([^']{1,40})'/g)].map((hit) => hit[1]!)),
    )
    const named = /^coreruleset-(.+)$/.exec(root)?.[1]
    if (named !== undefined && /^v?\d/.test(named)) versions.add(named.replace(/^v/, ''))
    if (versions.size !== 1) {
      const found = [...versions].slice(0, 4).map((one) => quoted(one))
      return refusedArchive('VersionUnclear', `Versions that it names: ${found.join(', ') || 'none'}.`)
    }
    const rules = texts.reduce((sum, text) => sum + (text.match(/^[ \t]*Sec(Rule|Action)\s/gm)?.length ?? 0), 0)
    return { ok: true, version: [...versions][0]!, rules }
  },
}
