/** A Core Rule Set in small: the files that a release must have, and rules enough to be one. */
import { type Entry, tarGzOf } from './archive/pack.ts'

export interface SmallCrs {
  readonly version: string
  /** What the rules themselves say, where it is not the version. */
  readonly inside?: string
  readonly folder?: string
  readonly rules?: number
  /** Put into a comment, so that two sets of one version differ. */
  readonly mark?: string
}

export const crsFiles = ({ version, inside = version, rules = 120, mark = '' }: SmallCrs): Record<string, string> => {
  const rule = (id: number) => `SecRule ARGS "@rx attack${id}" "id:${id},phase:2,deny,ver:'OWASP_CRS/${inside}'"\n`
  const many = Array.from({ length: rules }, (_, i) => rule(942_000 + i)).join('')
  return {
    LICENSE: 'Apache License 2.0\n',
    'crs-setup.conf.example': '# setup\n',
    'plugins/empty-before.conf': '# none\n',
    'rules/REQUEST-901-INITIALIZATION.conf': rule(901_001),
    'rules/REQUEST-942-APPLICATION-ATTACK-SQLI.conf': `# ${mark}\n${many}`,
    'rules/REQUEST-949-BLOCKING-EVALUATION.conf': rule(949_110),
    'rules/RESPONSE-959-BLOCKING-EVALUATION.conf': rule(959_100),
    'rules/sql-errors.data': 'ORA-00921\n',
  }
}

/** The same as upstream packs it, with pages beside the rules that nobody here wants. */
export const crsArchive = (crs: SmallCrs): Promise<Buffer> => {
  const { folder = `coreruleset-${crs.version}` } = crs
  const entries: Entry[] = [
    { name: `${folder}/`, type: 'directory' },
    { name: `${folder}/docs/README.md`, body: '# CRS\n' },
    ...Object.entries(crsFiles(crs)).map(([path, body]) => ({ name: `${folder}/${path}`, body })),
  ]
  return tarGzOf(entries)
}

/** IDS rules as ET Open packs them. */
export const idsArchive = (rules: number, mark = 'x'): Promise<Buffer> =>
  tarGzOf([
    { name: 'rules/', type: 'directory' },
    { name: 'rules/LICENSE', body: 'MIT\n' },
    { name: 'rules/classification.config', body: 'config classification: bad,Bad,1\n' },
    {
      name: 'rules/emerging-test.rules',
      body: Array.from(
        { length: rules },
        (_, i) => `alert tcp any any -> any 80 (msg:"${mark}"; sid:${2_000_000 + i}; rev:1;)\n`,
      ).join(''),
    },
    { name: 'rules/emerging-off.rules', body: '#alert tcp any any -> any any (msg:"off"; sid:1; rev:1;)\n' },
  ])
