/**
 * Exclusions → one rule for each path, before the release, that takes the named targets out of the named rules for this request:
 *
 *     SecRule REQUEST_URI_RAW "@rx \A/api/notes(?:\?|\z)" \
 *         "id:501000,phase:1,pass,t:none,nolog,ctl:ruleRemoveTargetById=942100;ARGS:text"
 *
 * Tags become the ids that bear them in this release: by tag the engine is slower by 40 %. `reason` is for people and stays out of the rules.
 */
import { DETECTING_IDS } from '../language/allow.ts'
import type { CatalogueRule } from '../language/catalogue.ts'
import { GENERATED_IDS } from './ids.ts'
import type { Exclusion, Permit } from './input.ts'
import { byName } from './names.ts'
import { pathPattern } from './paths.ts'
import { type CompileProblem, found, type Note } from './problem.ts'
import type { Release } from './release.ts'
import { engineTargets, isWritable, type Target, targetsOf } from './targets.ts'

interface Context {
  readonly release: Release
  /** Ids that the bundle loads. */
  readonly loaded: ReadonlySet<number>
  readonly permit: Permit
  readonly now: number
  readonly unknownRules: 'refuse' | 'note'
}

/** What one exclusion comes to: `ctl` actions on a path. */
interface Resolved {
  readonly path: string
  readonly pattern: string
  readonly actions: readonly string[]
}

export interface Excluded {
  readonly text: string
  readonly problems: readonly CompileProblem[]
  readonly notes: readonly Note[]
  /** Milliseconds since 1970 of the next one that expires. */
  readonly nextExpiry: number | undefined
}

const MOST = 1000
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/
const isDetecting = (id: number): boolean => id >= DETECTING_IDS.first && id <= DETECTING_IDS.last
const shown = (text: string): string => `'${text.replaceAll(/[^\x20-\x7e\u00a0-\uffff]/g, '?').slice(0, 60)}'`

function* judgeForm(exclusion: Exclusion, where: string, permit: Permit): Generator<CompileProblem> {
  const { rule, tag, reason, expires } = exclusion
  if ((rule === undefined) === (tag === undefined)) yield found('BadExclusion', where, 'it needs one of rule and tag')
  if (rule !== undefined && !Number.isSafeInteger(rule))
    yield found('BadExclusion', `${where}.rule`, `the id of a rule is wanted, not ${shown(String(rule))}`)
  else if (rule !== undefined && !isDetecting(rule))
    yield found(
      'TooWide',
      `${where}.rule`,
      `rule ${rule} cannot be excluded: only rules from ${DETECTING_IDS.first} to ${DETECTING_IDS.last} detect; the others set up, add up and decide`,
    )
  if (tag !== undefined && !permit.tags)
    yield found('TooWide', `${where}.tag`, 'exclusions by tag are the platform’s: name the rule')
  const targets = targetsOf(exclusion)
  if (targets.length > 1)
    yield found(
      'BadExclusion',
      where,
      'it names more than one of parameter, cookie and header: write one exclusion for each',
    )
  if (targets.length === 0 && !permit.wholeRules)
    yield found('TooWide', where, 'it needs a parameter, cookie or header: excluding a whole rule is the platform’s')
  for (const target of targets)
    if (!isWritable(target))
      yield found(
        'BadTarget',
        `${where}.${target.kind}`,
        `the engine cannot exclude ${shown(target.name)}: a name holds letters, digits and ${target.kind === 'header' ? '_ . -' : '_ / . - * : [ ] $ @'}`,
      )
  if (reason.trim() === '') yield found('BadExclusion', `${where}.reason`, 'it needs a reason: why is this no attack?')
  if (expires !== undefined && (!INSTANT.test(expires) || Number.isNaN(Date.parse(expires))))
    yield found(
      'BadExclusion',
      `${where}.expires`,
      `a time such as 2027-04-01T00:00:00Z is wanted, not ${shown(expires)}`,
    )
}

/** What is wrong with an exclusion by itself; whether there is such a rule only the release knows. */
export function judgeExclusion(exclusion: Exclusion, where: string, permit: Permit): CompileProblem[] {
  const wrong = [...judgeForm(exclusion, where, permit)]
  const path = pathPattern(exclusion.path)
  return path.ok ? wrong : [...wrong, found('BadPath', `${where}.path`, `${path.why}, not ${shown(exclusion.path)}`)]
}

const lookedAt = ({ nodes: [first] }: CatalogueRule): string =>
  first!.kind === 'rule' ? [...new Set(first!.variables.map(({ name }) => name))].join(', ') : 'nothing'

/** The `ctl` actions, or what is wrong with the rule or tag. */
function actionsFor(exclusion: Exclusion, where: string, context: Context): string[] | CompileProblem | Note {
  const { rule: id, tag } = exclusion
  const { release, loaded, unknownRules } = context
  const key = id === undefined ? 'tag' : 'rule'
  const named =
    id === undefined
      ? release.catalogue.rules.filter((one) => one.tags.includes(tag!) && isDetecting(one.id))
      : [release.catalogue.byId.get(id)].filter((one) => one !== undefined)
  if (named.length === 0) {
    const message = `${id === undefined ? `no rule that detects has the tag ${shown(tag!)}` : `rule ${id} does not exist`} in ${release.version}`
    return unknownRules === 'note'
      ? { code: 'GoneFromRelease', where: `${where}.${key}`, message }
      : found('UnknownRule', `${where}.${key}`, message)
  }
  const [target] = targetsOf(exclusion)
  const looking = target === undefined ? named : named.filter((one) => engineTargets(one, target).length > 0)
  if (looking.length === 0) return found('LooksElsewhere', `${where}.${target!.kind}`, lookElsewhere(named, target!))
  const present = looking.filter((one) => loaded.has(one.id))
  if (present.length === 0)
    return {
      code: 'NotLoaded',
      where: `${where}.${key}`,
      message: `${id === undefined ? `no rule with the tag ${shown(tag!)} is` : `rule ${id} is not`} loaded with this setup: nothing to exclude`,
    }
  return present.flatMap((one) =>
    target === undefined
      ? [`ctl:ruleRemoveById=${one.id}`]
      : engineTargets(one, target).map((name) => `ctl:ruleRemoveTargetById=${one.id};${name}`),
  )
}

const lookElsewhere = (named: readonly CatalogueRule[], target: Target): string => {
  const [one] = named
  const what = `the ${target.kind} ${shown(target.name)}`
  if (named.length > 1) return `none of the ${named.length} rules looks at ${what}`
  return `rule ${one!.id} begins with ${lookedAt(one!)}, not with ${what}: taking that out would do nothing`
}

export function compileExclusions(exclusions: readonly Exclusion[], context: Context): Excluded {
  const problems: CompileProblem[] = []
  const notes: Note[] = []
  const resolved: Resolved[] = []
  let nextExpiry: number | undefined
  if (exclusions.length > MOST)
    problems.push(found('TooWide', 'exclusions', `${exclusions.length} exclusions: at most ${MOST} are taken`))
  for (const [index, exclusion] of exclusions.slice(0, MOST).entries()) {
    const where = `exclusions[${index}]`
    const wrong = judgeExclusion(exclusion, where, context.permit)
    const path = pathPattern(exclusion.path)
    if (wrong.length > 0 || !path.ok) {
      problems.push(...wrong)
      continue
    }
    const ends = exclusion.expires === undefined ? undefined : Date.parse(exclusion.expires)
    if (ends !== undefined && ends <= context.now) {
      notes.push({ code: 'Expired', where, message: `it expired at ${exclusion.expires}` })
      continue
    }
    if (ends !== undefined) nextExpiry = Math.min(ends, nextExpiry ?? ends)
    const actions = actionsFor(exclusion, where, context)
    if (Array.isArray(actions)) resolved.push({ path: path.path, pattern: path.pattern, actions })
    else if (actions.code === 'GoneFromRelease' || actions.code === 'NotLoaded') notes.push(actions as Note)
    else problems.push(actions as CompileProblem)
  }
  return { text: rulesFor(resolved), problems, notes, nextExpiry }
}

/** In the order of paths and ids, whatever order they came in. */
function rulesFor(resolved: readonly Resolved[]): string {
  const paths = new Map<string, { pattern: string; actions: Set<string> }>()
  for (const { path, pattern, actions } of resolved) {
    const one = paths.get(path) ?? { pattern, actions: new Set() }
    for (const action of actions) one.actions.add(action)
    paths.set(path, one)
  }
  return [...paths]
    .toSorted(([a], [b]) => byName(a, b))
    .map(([, { pattern, actions }], index) => {
      const id = GENERATED_IDS.exclusions + index
      const all = [`id:${id}`, 'phase:1', 'pass', 't:none', 'nolog', ...[...actions].sort(byName)]
      return `SecRule REQUEST_URI_RAW "@rx ${pattern}" \\\n    "${all.join(',\\\n    ')}"\n`
    })
    .join('')
}
