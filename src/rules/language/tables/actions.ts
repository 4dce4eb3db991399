/**
 * The actions of the rule language.
 * `value` says how the engine's own scanner reads what follows the colon; several of its forms take in more than one would think, so the
 * kinds are many. `disruptive`: decides about the request, and may stand only in the rule that begins a chain.
 */
export type ActionValue =
  | 'flag'
  | 'allow'
  | 'id'
  | 'phase'
  | 'severity'
  | 'digits'
  | 'label'
  | 'predicate'
  | 'collection'
  | 'quoted'
  | 'quoted-digits'
  | 'revision'
  | 'transformation'
  | 'ctl'
  | 'setvar'
  | 'variable'

export interface ActionEntry {
  readonly value: ActionValue
  readonly disruptive: boolean
  readonly v3: 'yes' | 'no'
}

const does = (value: ActionValue): ActionEntry => ({ value, disruptive: false, v3: 'yes' })
const decides = (value: ActionValue): ActionEntry => ({ value, disruptive: true, v3: 'yes' })
const refused = (): ActionEntry => ({ value: 'predicate', disruptive: false, v3: 'no' })

export const ACTIONS: Readonly<Record<string, ActionEntry>> = {
  accuracy: does('quoted-digits'),
  allow: decides('allow'),
  append: refused(),
  auditlog: does('flag'),
  block: decides('flag'),
  capture: does('flag'),
  chain: does('flag'),
  ctl: does('ctl'),
  deny: decides('flag'),
  deprecatevar: refused(),
  drop: decides('flag'),
  exec: does('variable'),
  expirevar: does('variable'),
  id: does('id'),
  initcol: does('collection'),
  log: does('flag'),
  logdata: does('predicate'),
  maturity: does('quoted-digits'),
  msg: does('predicate'),
  multiMatch: does('flag'),
  noauditlog: does('flag'),
  nolog: does('flag'),
  pass: decides('flag'),
  pause: refused(),
  phase: does('phase'),
  prepend: refused(),
  proxy: refused(),
  redirect: decides('predicate'),
  rev: does('revision'),
  sanitiseArg: refused(),
  sanitiseMatched: refused(),
  sanitiseMatchedBytes: refused(),
  sanitiseRequestHeader: refused(),
  sanitiseResponseHeader: refused(),
  setenv: does('predicate'),
  setrsc: does('predicate'),
  setsid: does('predicate'),
  setuid: does('predicate'),
  setvar: does('setvar'),
  severity: does('severity'),
  skip: does('digits'),
  skipAfter: does('label'),
  status: does('digits'),
  t: does('transformation'),
  tag: does('predicate'),
  ver: does('quoted'),
  xmlns: does('label'),
}

export const SEVERITIES = ['EMERGENCY', 'ALERT', 'CRITICAL', 'ERROR', 'WARNING', 'NOTICE', 'INFO', 'DEBUG'] as const

/** The number of a phase by what may stand after `phase:`. */
export const PHASES: Readonly<Record<string, number>> = {
  '1': 1,
  '2': 2,
  '3': 3,
  '4': 4,
  '5': 5,
  request: 2,
  response: 4,
  logging: 5,
}
