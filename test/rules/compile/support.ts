/** What the tests of the compiler share: a small release that is quick to read, the real one, a policy, a key. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { type Compiled, type Content, compile } from '../../../src/rules/compile/compile.ts'
import type { CompileInput, Setup } from '../../../src/rules/compile/input.ts'
import { asLine } from '../../../src/rules/compile/problem.ts'
import { type Release, readRelease } from '../../../src/rules/compile/release.ts'
import { type RealVersion, realCrsFiles } from '../real-crs.ts'

export const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const pair = generateKeyPairSync('ed25519')
export const key = {
  /** The raw public key, in base64. */
  public: Buffer.from(pair.publicKey.export({ format: 'jwk' }).x!, 'base64url').toString('base64'),
  sign: (bytes: Uint8Array): Uint8Array => sign(null, bytes, pair.privateKey),
}

export const SETUP: Setup = {
  paranoiaLevel: 1,
  allowedMethods: ['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE'],
  bodyLimitBytes: 13_107_200,
  fieldsLimitBytes: 1_048_576,
}

export const releaseOf = (files: Readonly<Record<string, string>>, version = '4.25.0'): Release => {
  const read = readRelease(
    version,
    new Map(Object.entries(files).map(([path, text]) => [path, { bytes: Buffer.from(text) }])),
  )
  if (read.status === 'refused') throw new Error(read.problems.map(asLine).join('\n'))
  return read.release
}

export const realRelease = async (version: RealVersion): Promise<Release> => {
  const read = readRelease(
    version,
    new Map([...(await realCrsFiles(version))].map(([path, bytes]) => [path, { bytes }])),
  )
  if (read.status === 'refused') throw new Error(read.problems.map(asLine).join('\n'))
  return read.release
}

/** A rule that detects, as the Core Rule Set writes them. */
export const detects = (id: number, { variables = 'ARGS', tags = [] as readonly string[], phase = 2 } = {}): string =>
  `SecRule ${variables} "@contains evil${id}" \\\n    "id:${id},phase:${phase},block,t:none${tags.map((tag) => `,tag:'${tag}'`).join('')}"\n`
const guard = (id: number, level: number, phase: number): string =>
  `SecRule TX:DETECTION_PARANOIA_LEVEL "@lt ${level}" "id:${id},phase:${phase},pass,nolog,skipAfter:END-942"\n`
export const INITIALIZATION = `SecRule &TX:blocking_paranoia_level "@eq 0" "id:901120,phase:1,pass,nolog,setvar:'tx.blocking_paranoia_level=1'"
SecRule &TX:detection_paranoia_level "@eq 0" "id:901125,phase:1,pass,nolog,setvar:'tx.detection_paranoia_level=%{TX.blocking_paranoia_level}'"
`
const SQLI = ['attack-sqli']
export const SMALL: Readonly<Record<string, string>> = {
  LICENSE: 'Apache License 2.0\n',
  'crs-setup.conf.example': '# setup\n',
  'plugins/empty-config.conf': '# none\n',
  'plugins/login-before.conf': '# a plugin\nSecAction "id:9500000,phase:1,pass,nolog"\n',
  'plugins/login-after.conf': 'SecAction "id:9500900,phase:5,pass,nolog"\n',
  'rules/REQUEST-901-INITIALIZATION.conf': INITIALIZATION,
  'rules/REQUEST-942-APPLICATION-ATTACK-SQLI.conf': [
    '# comment\n',
    guard(942011, 1, 1),
    guard(942012, 1, 2),
    detects(942100, { variables: 'ARGS|ARGS_NAMES|REQUEST_COOKIES|REQUEST_COOKIES_NAMES', tags: SQLI }),
    detects(942140, { variables: 'REQUEST_HEADERS:User-Agent|REQUEST_HEADERS:Referer', tags: SQLI, phase: 1 }),
    detects(942160, { variables: 'REQUEST_FILENAME', tags: [...SQLI, 'perf'] }),
    'SecRule REQUEST_METHOD "@streq GET" "id:942170,phase:2,block,t:none,chain"\n    SecRule ARGS "@contains evil" "t:none"\n',
    guard(942013, 2, 1),
    guard(942014, 2, 2),
    detects(942200, { tags: SQLI }),
    'SecRule REQUEST_URI "@contains /" "id:942201,phase:1,pass,nolog,ctl:ruleRemoveTargetByTag=perf;REQUEST_FILENAME"\n',
    guard(942015, 3, 2),
    detects(942300, { tags: SQLI }),
    'SecMarker "END-942"\n',
  ].join(''),
  'rules/REQUEST-944-APPLICATION-ATTACK-JAVA.conf': `${detects(944100, { tags: ['language-java', 'platform-multi'] })}${detects(944110, { tags: ['language-multi'] })}`,
  'rules/REQUEST-949-BLOCKING-EVALUATION.conf':
    'SecRule TX:BLOCKING_PARANOIA_LEVEL "@ge 1" "id:949052,phase:2,pass,nolog,setvar:tx.score=+1"\n' +
    'SecRule TX:BLOCKING_PARANOIA_LEVEL "@ge 2" "id:949053,phase:2,pass,nolog,setvar:tx.score=+2"\n' +
    'SecRule TX:score "@ge 5" "id:949110,phase:2,deny,status:403,chain"\n    SecRule TX:early "@eq 1"\n',
  'rules/RESPONSE-951-DATA-LEAKAGES-SQL.conf':
    'SecRule RESPONSE_BODY "!@pmFromFile sql-errors.data" "id:951100,phase:4,pass,nolog,skipAfter:END-951"\n' +
    'SecRule RESPONSE_BODY "@rx ORA-\\d+" "id:951120,phase:4,block,chain"\n    SecRule RESPONSE_STATUS "@eq 500"\n\n' +
    'SecMarker "END-951"\n',
  'rules/RESPONSE-959-BLOCKING-EVALUATION.conf': 'SecRule TX:score "@ge 4" "id:959100,phase:3,deny,t:none"\n',
  'rules/REQUEST-999-COMMON-EXCEPTIONS-AFTER.conf':
    'SecRuleUpdateTargetById 942300 "!ARGS:utm"\nSecRuleUpdateTargetById 942100 "!ARGS:utm"\n',
  'rules/sql-errors.data': 'ORA-00921\n',
}

export const tryCompile = (input: Partial<CompileInput> = {}): Compiled =>
  compile({ release: small, setup: SETUP, now: Date.parse('2027-01-01T00:00:00Z'), hash, ...input })
export const small = releaseOf(SMALL)

/** The content, or an error that says what was refused. */
export const compiled = (
  input: Partial<CompileInput> = {},
): Content & { readonly outcome: Compiled & { status: 'compiled' } } => {
  const outcome = tryCompile(input)
  if (outcome.status === 'refused') throw new Error(outcome.problems.map(asLine).join('\n'))
  return { ...outcome.content, outcome }
}
export const refusals = (input: Partial<CompileInput> = {}): string[] => {
  const outcome = tryCompile(input)
  return outcome.status === 'refused' ? outcome.problems.map((one) => `${one.code} ${asLine(one)}`) : []
}
export const textIn = ({ files }: Content, name: string): string => Buffer.from(files.get(name) ?? '').toString()
/** Ids of the rules in all files. */
export const idsIn = ({ files }: Content): number[] =>
  [...files].flatMap(([, bytes]) =>
    [
      ...Buffer.from(bytes)
        .toString()
        .matchAll(/\bid:(\d+)/g),
    ].map((hit) => Number(hit[1])),
  )
