/**
 * The operators of the rule language, and what libmodsecurity 3.0.16 makes of each.
 * `argument`: what follows the name. The engine takes an operator without argument for plain text as soon as something follows it, and fails
 * to load one that needs an argument and has none.
 */

export type Argument = 'none' | 'regex' | 'words' | 'number' | 'addresses' | 'bytes' | 'file' | 'text'
/** `yes`: works. `no`: the engine refuses to load it. `text`: loaded in silence, taken as a pattern that is its own name. */
export type Support = 'yes' | 'no' | 'text'

export interface Operator {
  readonly argument: Argument
  readonly v3: Support
}

const works = (argument: Argument): Operator => ({ argument, v3: 'yes' })

export const OPERATORS: Readonly<Record<string, Operator>> = {
  beginsWith: works('text'),
  contains: works('text'),
  containsWord: works('text'),
  detectSQLi: works('none'),
  detectXSS: works('none'),
  endsWith: works('text'),
  eq: works('number'),
  fuzzyHash: works('text'),
  ge: works('number'),
  geoLookup: works('none'),
  gsbLookup: { argument: 'text', v3: 'no' },
  gt: works('number'),
  inspectFile: works('file'),
  ipMatch: works('addresses'),
  ipMatchF: works('file'),
  ipMatchFromFile: works('file'),
  le: works('number'),
  lt: works('number'),
  noMatch: { argument: 'none', v3: 'text' },
  pm: works('words'),
  pmf: works('file'),
  pmFromFile: works('file'),
  rbl: works('text'),
  rsub: { argument: 'text', v3: 'no' },
  rx: works('regex'),
  rxGlobal: works('regex'),
  streq: works('text'),
  strmatch: works('text'),
  unconditionalMatch: works('none'),
  validateByteRange: works('bytes'),
  validateDTD: works('file'),
  validateHash: { argument: 'text', v3: 'no' },
  validateSchema: works('file'),
  validateUrlEncoding: works('none'),
  validateUtf8Encoding: works('none'),
  verifyCC: works('regex'),
  verifyCPF: works('regex'),
  verifySSN: works('regex'),
  verifySVNR: works('regex'),
  within: works('text'),
}
