/**
 * The options of `ctl:NAME=VALUE`, with the pattern of what the engine's scanner takes as their value.
 * Where the scanner stops early, it takes the rest for the next action and fails.
 */
export interface CtlEntry {
  readonly value: RegExp
  readonly v3: 'yes' | 'no'
}

const ID = String.raw`\d+(?:-\d+)?`
const NAME = String.raw`[0-9A-Za-z_/.\-*:;\][$@]+`
const is = (value: string): CtlEntry => ({ value: new RegExp(`^(?:${value})$`), v3: 'yes' })
const refused = (): CtlEntry => ({ value: /^.+$/, v3: 'no' })

export const CTL: Readonly<Record<string, CtlEntry>> = {
  auditEngine: is('On|Off|RelevantOnly'),
  auditLogParts: is(String.raw`[+|\-][ABCDEFGHJKIZ]+`),
  debugLogLevel: refused(),
  forceRequestBodyVariable: is('On|Off'),
  hashEnforcement: refused(),
  hashEngine: refused(),
  parseXmlIntoArgs: is('On|Off|OnlyArgs'),
  requestBodyAccess: is('On|Off'),
  requestBodyLimit: refused(),
  requestBodyProcessor: is('JSON|XML|URLENCODED'),
  responseBodyAccess: refused(),
  responseBodyLimit: refused(),
  ruleEngine: is('On|Off|DetectionOnly'),
  ruleRemoveById: is(ID),
  ruleRemoveByMsg: refused(),
  ruleRemoveByTag: is(NAME),
  ruleRemoveTargetById: is(`${ID};${NAME}`),
  ruleRemoveTargetByMsg: refused(),
  ruleRemoveTargetByTag: is(`${NAME.replace(';', '')};${NAME}`),
}
