/**
 * A WafPolicy before it is stored: what only the platform's settings, the clock and the right to open can tell. The schema of the CRD has refused
 * the rest. What stood there before and is unchanged is tolerated, so that a setting made stricter keeps nobody from changing something else.
 */
import { allow, deny, type Verdict } from '../../api/verdict.ts'
import type { WafPolicyExclusion, WafPolicySpec } from '../../api/waf-policy.ts'
import type { PolicySettings } from '../../config/rules.ts'
import { equal } from '../../inject/equal.ts'
import { judgeExclusion } from '../compile/exclusions.ts'
import { asLine, type PROBLEMS } from '../compile/problem.ts'
import { type GlassChange, opens, rightBy } from './break-glass.ts'
import type { PolicyReason } from './reasons.ts'
import { permitOf } from './recipe.ts'
import { lineOf, linesOf } from './wording.ts'

export interface PolicyChange extends GlassChange {
  readonly namespace: string
  readonly name: string
  readonly settings: PolicySettings
}

interface Fault {
  readonly code: PolicyReason | keyof typeof PROBLEMS
  readonly line: string
}
const HOUR = 3_600_000
const fault = (code: Fault['code'], line: string): Fault => ({ code, line })

function* judgeMode({ spec, oldSpec, settings }: PolicyChange): Generator<Fault> {
  if (spec.mode !== 'detect' || settings.lowestMode !== 'block' || oldSpec?.mode === 'detect') return
  yield fault('BelowFloor', 'spec.mode: detect is below what the platform allows: write block, or leave it out')
}

const LIMITS = [['bodyBytes', 'bodyLimitBytes']] as const

function* judgeLimits({ spec, oldSpec, settings }: PolicyChange): Generator<Fault> {
  for (const [key, setting] of LIMITS) {
    const value = spec.limits?.[key]
    if (value === undefined || value <= settings[setting] || value === oldSpec?.limits?.[key]) continue
    yield fault('AboveLimit', `spec.limits.${key}: ${value} is more than the platform's ${settings[setting]}: lower it`)
  }
  const fields = spec.limits?.fieldsBytes
  const body = Math.min(spec.limits?.bodyBytes ?? settings.bodyLimitBytes, settings.bodyLimitBytes)
  if (fields !== undefined && fields > body && fields !== oldSpec?.limits?.fieldsBytes)
    yield fault(
      'AboveLimit',
      `spec.limits.fieldsBytes: ${fields} is more than the whole body may have, ${body}: lower it`,
    )
}

function* judgeExclusions({ spec, oldSpec, settings }: PolicyChange): Generator<Fault> {
  const { exclusions = [] } = spec
  const old = oldSpec?.exclusions ?? []
  const { most } = settings.exclusions
  if (exclusions.length > most && exclusions.length > old.length)
    yield fault(
      'TooManyExclusions',
      `spec.exclusions: ${exclusions.length} are more than the ${most} that the platform takes`,
    )
  const permit = permitOf(settings)
  const stood = new Set(old.map((one) => JSON.stringify(one)))
  for (const [i, one] of exclusions.entries()) {
    if (stood.has(JSON.stringify(one))) continue
    for (const problem of judgeExclusion(one, `spec.exclusions[${i}]`, permit))
      yield fault(problem.code as Fault['code'], asLine(problem))
  }
}

function* judgeGlass(change: PolicyChange): Generator<Fault> {
  const { spec, oldSpec, settings, now, username } = change
  const glass = spec.breakGlass
  if (glass === undefined || equal(glass, oldSpec?.breakGlass)) return
  const right = rightBy(change)
  if (glass.by !== right)
    yield fault(
      'ByForged',
      `spec.breakGlass.by: ${lineOf(JSON.stringify(glass.by ?? ''))} is not ${lineOf(JSON.stringify(right ?? ''))}: leave it out, the webhook writes it`,
    )
  if (!opens(change)) return
  const { breakGlassHours: hours } = settings
  const until = Date.parse(glass.until)
  if (hours === 0) {
    yield fault(
      'BreakGlassForbidden',
      'spec.breakGlass: the platform allows none: exclude the rule that refuses good requests',
    )
    return
  }
  const example = new Date(now + Math.min(1, hours) * HOUR).toISOString().replace(/\.\d{3}Z$/, 'Z')
  if (!(until > now))
    yield fault(
      'BreakGlassTooLong',
      `spec.breakGlass.until: ${lineOf(glass.until)} is over: write a time such as ${example}`,
    )
  else if (until > now + hours * HOUR)
    yield fault(
      'BreakGlassTooLong',
      `spec.breakGlass.until: ${lineOf(glass.until)} is more than ${hours} h ahead: write a time such as ${example}`,
    )
  if (username === '') yield fault('MayNotOpen', 'spec.breakGlass: only who has a name may open')
}

const over = ({ expires }: WafPolicyExclusion, now: number): boolean =>
  expires !== undefined && Date.parse(expires) <= now

/** What is let in and worth a line all the same. */
function warningsOf({ spec, oldSpec, settings, now }: PolicyChange): string[] {
  const warnings: string[] = []
  const ended = (spec.exclusions ?? []).flatMap((one, i) => (over(one, now) ? [i] : []))
  if (ended.length > 0)
    warnings.push(
      `spec.exclusions[${ended[0]}]${ended.length > 1 ? ` and ${ended.length - 1} more` : ''}: over, and left out: take it away, or set a later expires`,
    )
  if (spec.mode === 'detect' && oldSpec?.mode === 'block' && settings.lowestMode === 'detect')
    warnings.push('spec.mode: from the next poll on nothing is refused, only told')
  if (spec.mode === 'detect' && settings.lowestMode === 'block')
    warnings.push('spec.mode: detect has no effect, since the platform allows nothing below block')
  return warnings
}

/** Whether the answer needs to know if the user may open. */
export const needsMayOpen = (change: PolicyChange): boolean => opens(change) && [...judgeGlass(change)].length === 0

/** @param mayOpen asked only where `needsMayOpen` */
export function judgePolicy(change: PolicyChange, { mayOpen = false }: { readonly mayOpen?: boolean } = {}): Verdict {
  const { namespace, name, username, spec } = change
  const faults = [...judgeMode(change), ...judgeLimits(change), ...judgeExclusions(change), ...judgeGlass(change)]
  if (needsMayOpen(change) && !mayOpen)
    faults.push(
      fault(
        'MayNotOpen',
        `spec.breakGlass: ${lineOf(username)} may not open wafpolicies.sekisho.dev in namespace ${namespace}: kubectl -n ${namespace} create rolebinding NAME --clusterrole=sekisho-open --user=USER, by who may`,
      ),
    )
  const warnings = warningsOf(change)
  const [first] = faults
  if (first !== undefined)
    return deny(
      first.code,
      linesOf([`wafpolicy ${namespace}/${name} is refused:`, ...faults.map(({ line }) => line)]),
      warnings,
    )
  if (!opens(change)) return allow('PolicyAccepted', 'it keeps within what the platform allows', warnings)
  const until = (spec as WafPolicySpec & { breakGlass: { until: string } }).breakGlass.until
  return allow('BreakGlassOpened', `opened until ${lineOf(until)} by ${lineOf(username)}`, [
    `spec.breakGlass: until ${lineOf(until)} nothing is refused`,
    ...warnings,
  ])
}
