/** What the policy says → the rule that sets it, before the first rule of the release. Its limits of bodies go into the manifest: nginx holds them. */
import { z } from 'zod'
import { nearest } from '../../config/nearest.ts'
import { GENERATED_IDS } from './ids.ts'
import type { ArgumentLimits, Setup } from './input.ts'
import { LANGUAGES } from './languages.ts'
import { type CompileProblem, found } from './problem.ts'

/** Setting → [variable of the Core Rule Set, lowest, highest]. The engine itself stops at 1000 arguments. */
const LIMITS: Readonly<Record<keyof ArgumentLimits, readonly [string, number, number]>> = {
  count: ['max_num_args', 1, 1000],
  nameBytes: ['arg_name_length', 1, 65_536],
  valueBytes: ['arg_length', 1, 1_073_741_824],
  totalBytes: ['total_arg_length', 1, 1_073_741_824],
}
const BODY = [1024, 1_073_741_824] as const
const MOST_PEERS = 256
const isCidr = (text: string): boolean => z.cidrv4().safeParse(text).success || z.cidrv6().safeParse(text).success

function* judgeNumber(where: string, value: number, lowest: number, highest: number): Generator<CompileProblem> {
  if (!Number.isSafeInteger(value) || value < lowest || value > highest)
    yield found('BadSetup', where, `a whole number from ${lowest} to ${highest} is wanted, not ${value}`)
}

export function* judgeSetup(setup: Setup): Generator<CompileProblem> {
  yield* judgeNumber('setup.paranoiaLevel', setup.paranoiaLevel, 1, 4)
  yield* judgeNumber('setup.bodyLimitBytes', setup.bodyLimitBytes, ...BODY)
  yield* judgeNumber('setup.fieldsLimitBytes', setup.fieldsLimitBytes, ...BODY)
  if (setup.fieldsLimitBytes > setup.bodyLimitBytes)
    yield found('BadSetup', 'setup.fieldsLimitBytes', 'it is larger than the body that the fields are a part of')
  if (setup.allowedMethods.length === 0)
    yield found('BadSetup', 'setup.allowedMethods', 'no method is allowed, so no request could pass')
  for (const [i, method] of setup.allowedMethods.entries())
    if (!/^[A-Z][A-Z_-]{0,31}$/.test(method))
      yield found(
        'BadSetup',
        `setup.allowedMethods[${i}]`,
        `a method is written in capitals, not '${method.slice(0, 40)}'`,
      )
  for (const [name, value] of Object.entries(setup.argumentLimits ?? {})) {
    const limit = Object.hasOwn(LIMITS, name) ? LIMITS[name as keyof ArgumentLimits] : undefined
    if (limit === undefined) yield found('BadSetup', `setup.argumentLimits.${name}`, 'there is no such limit')
    else yield* judgeNumber(`setup.argumentLimits.${name}`, value, limit[1], limit[2])
  }
  const { onlyFrom = [] } = setup
  if (onlyFrom.length > MOST_PEERS)
    yield found('BadSetup', 'setup.onlyFrom', `${onlyFrom.length} ranges: at most ${MOST_PEERS} are taken`)
  for (const [i, cidr] of onlyFrom.entries())
    if (!isCidr(cidr))
      yield found(
        'BadSetup',
        `setup.onlyFrom[${i}]`,
        `a range of addresses such as 192.0.2.0/24 is wanted, not '${cidr.slice(0, 60)}'`,
      )
  for (const [i, word] of (setup.languages ?? []).entries()) {
    if (Object.hasOwn(LANGUAGES, word)) continue
    const known = Object.keys(LANGUAGES)
    const near = nearest(word, known)
    const hint = near === undefined ? `one of ${known.join(', ')}` : `nearest: ${near}`
    yield found('BadSetup', `setup.languages[${i}]`, `unknown language '${word.slice(0, 40)}' (${hint})`)
  }
}

/** `4.25.0` → 4250, as the Core Rule Set writes it. */
const setupVersion = (version: string): number => {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  return major * 1000 + minor * 10 + patch
}

export function setupText(setup: Setup, version: string): string {
  const methods = [...new Set(setup.allowedMethods)].sort().join(' ')
  const values: [string, string | number][] = [
    ['crs_setup_version', setupVersion(version)],
    ['blocking_paranoia_level', setup.paranoiaLevel],
    ['detection_paranoia_level', setup.paranoiaLevel],
    ['allowed_methods', methods],
    ...Object.entries(LIMITS).flatMap(([name, [variable]]): [string, number][] => {
      const value = setup.argumentLimits?.[name as keyof ArgumentLimits]
      return value === undefined ? [] : [[variable, value]]
    }),
  ]
  const actions = [
    `id:${GENERATED_IDS.setup}`,
    'phase:1',
    'pass',
    't:none',
    'nolog',
    ...values.map(([name, value]) => `setvar:'tx.${name}=${value}'`),
  ]
  return `SecAction \\\n    "${actions.join(',\\\n    ')}"\n`
}
