/**
 * A policy, the ConfigMaps it names and the platform's settings → what a bundle is compiled from. Without a policy: the platform's defaults and
 * the ConfigMap `sekisho-rules`.
 */
import { CUSTOM_RULES_CONFIGMAP, LABEL } from '../../api/names.ts'
import type { WafPolicySpec } from '../../api/waf-policy.ts'
import type { PolicySettings } from '../../config/rules.ts'
import type { ArgumentLimits, Exclusion, NamedText, Permit, Setup } from '../compile/input.ts'
import { chainsOf } from '../language/catalogue.ts'
import { parse } from '../language/parse.ts'
import type { Recipe } from '../model.ts'
import { holdsRules, type RuleConfigMap, ruleFilesOf } from './rule-files.ts'

export interface RecipeProblem {
  readonly code: 'ConfigMapMissing' | 'ConfigMapUnlabelled' | 'ConfigMapEmpty' | 'RulesUnreadable' | 'TooManyExclusions'
  /** `spec.rules.before[0]`; the ConfigMap's name where the policy does not name it. */
  readonly where: string
  readonly message: string
}
export interface RecipeInput extends Pick<Recipe, 'setup' | 'before' | 'after' | 'exclusions' | 'permit'> {
  readonly problems: readonly RecipeProblem[]
}

type Settings = Omit<PolicySettings, 'lowestMode' | 'breakGlassHours'>

/** What the platform lets exclusions open. */
export const permitOf = ({ exclusions: { tags, wholeRules } }: Pick<Settings, 'exclusions'>): Permit => ({
  tags,
  wholeRules,
})

/** The body's limit can only be lowered; what the policy does not say is as the platform says. */
export function setupOf(spec: WafPolicySpec, settings: Settings): Setup {
  const { limits = {}, languages, onlyFrom = [] } = spec
  const bodyLimitBytes = Math.min(limits.bodyBytes ?? settings.bodyLimitBytes, settings.bodyLimitBytes)
  const given: [keyof ArgumentLimits, number | undefined][] = [
    ['count', limits.arguments],
    ['nameBytes', limits.argumentNameBytes],
    ['valueBytes', limits.argumentValueBytes],
    ['totalBytes', limits.argumentsTotalBytes],
  ]
  const argumentLimits = Object.fromEntries(given.filter(([, value]) => value !== undefined)) as ArgumentLimits
  return {
    paranoiaLevel: spec.paranoiaLevel ?? settings.paranoiaLevel,
    allowedMethods: spec.allowedMethods ?? settings.allowedMethods,
    bodyLimitBytes,
    fieldsLimitBytes: Math.min(limits.fieldsBytes ?? settings.fieldsLimitBytes, bodyLimitBytes),
    ...(Object.keys(argumentLimits).length > 0 && { argumentLimits }),
    ...(languages !== undefined && { languages }),
    ...(onlyFrom.length > 0 && { onlyFrom }),
  }
}

interface Taken {
  readonly texts: readonly NamedText[]
  readonly problems: readonly RecipeProblem[]
}

/** Rule files of one ConfigMap; problems name it as `where`. */
function take(name: string, where: string, named: boolean, found: RuleConfigMap | undefined): Taken {
  const wrong = (code: RecipeProblem['code'], message: string): Taken => ({
    texts: [],
    problems: [{ code, where, message }],
  })
  if (found === undefined)
    return named
      ? wrong(
          'ConfigMapMissing',
          `there is no ConfigMap ${name} with the label ${LABEL.rules}: create it, or kubectl label configmap ${name} ${LABEL.rules}=true`,
        )
      : { texts: [], problems: [] }
  if (!holdsRules(found))
    return wrong(
      'ConfigMapUnlabelled',
      `the ConfigMap ${name} does not say that it holds rules: kubectl label configmap ${name} ${LABEL.rules}=true`,
    )
  const { files, unreadable } = ruleFilesOf(found)
  if (unreadable.length > 0)
    return wrong('RulesUnreadable', `${unreadable[0]} in the ConfigMap ${name} is not text: write it in UTF-8`)
  if (named && files.length === 0)
    return wrong('ConfigMapEmpty', `the ConfigMap ${name} has no key that ends in .conf: only such hold rules`)
  return { texts: files.map(({ key, text }) => ({ name: `${name}/${key}`, text })), problems: [] }
}

/** @param configMaps those of the namespace that may hold rules; others may be among them */
export function recipeInput(
  policy: { readonly spec: WafPolicySpec } | undefined,
  configMaps: readonly RuleConfigMap[],
  settings: Settings,
): RecipeInput {
  const spec = policy?.spec ?? {}
  const byTheirName = new Map(configMaps.map((one) => [one.name, one]))
  const takeAll = (part: 'before' | 'after', names: readonly string[]): Taken[] =>
    names.map((name, i) => take(name, `spec.rules.${part}[${i}]`, true, byTheirName.get(name)))
  const { before, after = [] } = spec.rules ?? {}
  const own = after.includes(CUSTOM_RULES_CONFIGMAP) ? [] : [CUSTOM_RULES_CONFIGMAP]
  const first =
    before === undefined ? own.map((name) => take(name, name, false, byTheirName.get(name))) : takeAll('before', before)
  const last = takeAll('after', after)
  const exclusions: readonly Exclusion[] = spec.exclusions ?? []
  const { most } = settings.exclusions
  const many: RecipeProblem[] =
    exclusions.length <= most
      ? []
      : [
          {
            code: 'TooManyExclusions',
            where: 'spec.exclusions',
            message: `${exclusions.length} exclusions: the platform takes at most ${most} in one policy`,
          },
        ]
  return {
    setup: setupOf(spec, settings),
    before: first.flatMap(({ texts }) => texts),
    after: last.flatMap(({ texts }) => texts),
    exclusions,
    permit: permitOf(settings),
    problems: [...[...first, ...last].flatMap(({ problems }) => problems), ...many],
  }
}

/** A chain is one rule, as the engine counts. */
export const countCustomRules = ({ before, after }: Pick<RecipeInput, 'before' | 'after'>): number =>
  [...before, ...after].reduce((sum, { name, text }) => sum + chainsOf(parse(text, name).nodes).length, 0)
