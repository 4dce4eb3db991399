/**
 * Mistakes, each with the code it must be found under and the line of the text it is on. Where the engine's own answer is known it stands
 * beside: `silent` ones it loads without a word.
 */
import type { ProblemCode } from '../../../src/rules/language/problem.ts'

export interface Mistake {
  readonly text: string
  readonly code: ProblemCode
  /** Of the text, from 1. @default 1 */
  readonly line?: number
  readonly says: RegExp
  readonly silent?: true
}

const rule = (actions: string): string => `SecRule ARGS "@rx a" "id:7,phase:2,${actions}"`
const operator = (text: string): string => `SecRule ARGS "${text}" "id:7,phase:2,pass"`
const variables = (text: string): string => `SecRule ${text} "@rx a" "id:7,phase:2,pass"`

export const MISTAKES: Readonly<Record<string, Mistake>> = {
  // Patterns
  'a group that does not end': {
    text: operator('@rx a(b'),
    code: 'InvalidRegex',
    says: /missing closing parenthesis \(at 3/,
    silent: true,
  },
  'a group that ends twice': {
    text: operator('@rx a)'),
    code: 'InvalidRegex',
    says: /unmatched closing parenthesis/,
    silent: true,
  },
  'a class that does not end': {
    text: operator('@rx [a-z'),
    code: 'InvalidRegex',
    says: /missing terminating \]/,
    silent: true,
  },
  'a range from z to a': {
    text: operator('@rx [z-a]'),
    code: 'InvalidRegex',
    says: /range out of order/,
    silent: true,
  },
  'a class of characters that does not exist': {
    text: operator('@rx [[:letter:]]'),
    code: 'InvalidRegex',
    says: /unknown POSIX class name/,
    silent: true,
  },
  'nothing to repeat': {
    text: operator('@rx *a'),
    code: 'InvalidRegex',
    says: /does not follow a repeatable item/,
    silent: true,
  },
  'a repetition from many to few': {
    text: operator('@rx a{3,1}'),
    code: 'InvalidRegex',
    says: /numbers out of order/,
    silent: true,
  },
  'a backslash before an unknown letter': {
    text: operator('@rx \\y'),
    code: 'InvalidRegex',
    says: /unrecognized character follows/,
    silent: true,
  },
  'a group that is not there': {
    text: operator('@rx (a)\\2'),
    code: 'InvalidRegex',
    says: /non-existent subpattern/,
    silent: true,
  },
  'a look-behind without a bound': {
    text: operator('@rx (?<=a+)b'),
    code: 'InvalidRegex',
    says: /lookbehind assertion is not limited/,
    silent: true,
  },
  'an option that does not exist': {
    text: operator('@rx (?z)a'),
    code: 'InvalidRegex',
    says: /unrecognized character after/,
    silent: true,
  },
  'a pattern of more than 64 KB': {
    text: operator('@rx (?:abcdef){60000}'),
    code: 'InvalidRegex',
    says: /too large/,
    silent: true,
  },
  'a pattern without @rx': {
    text: operator('(a'),
    code: 'InvalidRegex',
    says: /^the pattern does not compile/,
    silent: true,
  },
  'a pattern that is negated': {
    text: operator('!@rx (a'),
    code: 'InvalidRegex',
    says: /does not compile/,
    silent: true,
  },
  'a pattern in a selector': {
    text: variables('ARGS:/(a/'),
    code: 'InvalidRegex',
    says: /of ARGS does not compile/,
    silent: true,
  },
  'a pattern in quotes in a selector': {
    text: variables("ARGS|TX:'/a|(/'"),
    code: 'InvalidRegex',
    says: /of TX does not compile/,
    silent: true,
  },
  'a pattern of @verifyCC': { text: operator('@verifyCC ('), code: 'InvalidRegex', says: /pattern of @verifyCC/ },
  // Operators
  'an operator in another case': {
    text: operator('@detectSQLI'),
    code: 'UnknownOperator',
    says: /^unknown operator "@detectSQLI" \(nearest: @detectSQLi\)$/,
    silent: true,
  },
  'an operator that does not exist': {
    text: operator('@beginWith a'),
    code: 'UnknownOperator',
    says: /nearest: @beginsWith/,
    silent: true,
  },
  'an operator like none': {
    text: operator('@frobnicate a'),
    code: 'UnknownOperator',
    says: /"@frobnicate"$/,
    silent: true,
  },
  'an operator that v3 lost': { text: operator('@gsbLookup a'), code: 'UnsupportedOperator', says: /not supported/ },
  'an operator that v3 takes for text': {
    text: operator('@noMatch'),
    code: 'UnsupportedOperator',
    says: /taken for text/,
    silent: true,
  },
  'something after an operator that takes nothing': {
    text: operator('@detectXSS a'),
    code: 'BadArgument',
    says: /takes nothing/,
    silent: true,
  },
  'a word where a number belongs': {
    text: operator('@gt ten'),
    code: 'BadArgument',
    says: /needs a number/,
    silent: true,
  },
  'an address that is none': { text: operator('@ipMatch 10.0.0.300'), code: 'BadArgument', says: /needs addresses/ },
  'addresses with a space between': {
    text: operator('@ipMatch 10.0.0.1, 10.0.0.2'),
    code: 'BadArgument',
    says: /no spaces/,
  },
  'bytes beyond 255': { text: operator('@validateByteRange 1-300'), code: 'BadArgument', says: /from 0 to 255/ },
  'nothing after an operator that compares': {
    text: operator('@within'),
    code: 'BadArgument',
    says: /needs something to compare with/,
  },
  'an operator that is empty': { text: operator(''), code: 'BadOperator', says: /empty/ },
  'an operator that does not end': { text: 'SecRule ARGS "@rx a', code: 'BadOperator', says: /does not end/ },
  'an operator that ends in a percent sign': {
    text: operator('@rx 100%'),
    code: 'BadOperator',
    says: /%" does not end/,
  },
  'an operator that begins with a quote': {
    text: operator('@rx \\"a'),
    code: 'BadOperator',
    says: /write \\x22/,
    silent: true,
  },
  'no operator': { text: 'SecRule ARGS', code: 'BadOperator', says: /no operator/ },
  'a data file that is not there': {
    text: operator('@pmFromFile wrods.data'),
    code: 'MissingData',
    says: /wrods\.data .* \(nearest: words\.data\)/,
  },
  'a data file from the network': {
    text: operator('@pmFromFile https://a.example/words'),
    code: 'MissingData',
    says: /keep the file/,
  },
  'a macro of no variable': {
    text: operator('@streq %{txx.a}'),
    code: 'BadMacro',
    says: /%\{txx\.a\} \(nearest: TX\)/,
  },
  // Variables
  'a variable that does not exist': {
    text: variables('ARGS|AGRS'),
    code: 'UnknownVariable',
    says: /"AGRS" \(nearest: ARGS\)/,
  },
  'a variable that v3 lost': { text: variables('STREAM_INPUT_BODY'), code: 'UnknownVariable', says: /not supported/ },
  'a selector where there is one value': {
    text: variables('REQUEST_URI:a'),
    code: 'BadSelector',
    says: /has one value/,
  },
  'a selector in quotes': {
    text: variables("ARGS:'a'"),
    code: 'BadSelector',
    says: /quotes of ARGS:'a' are part of the name/,
    silent: true,
  },
  'a selector that is no regex': {
    text: variables('ARGS:/a=b/'),
    code: 'BadSelector',
    says: /taken as a name/,
    silent: true,
  },
  'a selector that is empty': { text: variables('ARGS:'), code: 'BadVariables', says: /selector must follow/ },
  'a space in the list of variables': {
    text: variables('ARGS| ARGS_NAMES'),
    code: 'BadVariables',
    says: /a variable is expected/,
  },
  'an exclusion that counts': { text: variables('&!ARGS'), code: 'BadVariables', says: /a variable is expected/ },
  'two regexes that are one': {
    text: variables("ARGS:'/a/'|TX:'/b/'"),
    code: 'BadVariables',
    says: /as one regex/,
    silent: true,
  },
  'variables on the next line': {
    text: 'SecRule \\\n  ARGS "@rx a" "id:7,phase:2,pass"',
    code: 'BadVariables',
    says: /a variable is expected/,
  },
  // Actions
  'an action that does not exist': { text: rule('deyn'), code: 'UnknownAction', says: /"deyn" \(nearest: deny\)/ },
  'an action in another case': {
    text: rule('pass,multimatch'),
    code: 'UnknownAction',
    says: /nearest: multiMatch/,
    silent: true,
  },
  'an action that v3 lost': {
    text: rule('pass,sanitiseArg:password'),
    code: 'UnsupportedAction',
    says: /not supported/,
  },
  'a transformation that does not exist': {
    text: rule('pass,t:lowerCase'),
    code: 'UnknownTransformation',
    says: /nearest: lowercase/,
    silent: true,
  },
  'a transformation like none': {
    text: rule('pass,t:constructor'),
    code: 'UnknownTransformation',
    says: /"constructor"/,
  },
  'a ctl option that does not exist': {
    text: rule('pass,ctl:ruleRemovebyID=7'),
    code: 'UnknownCtl',
    says: /nearest: ruleRemoveById/,
    silent: true,
  },
  'a ctl option that v3 lost': { text: rule('pass,ctl:requestBodyLimit=1'), code: 'UnknownCtl', says: /not supported/ },
  'a ctl option with a wrong value': {
    text: rule('pass,ctl:ruleEngine=Of'),
    code: 'BadCtl',
    says: /On, Off or DetectionOnly/,
  },
  'a ctl target that does not exist': {
    text: rule('pass,ctl:ruleRemoveTargetById=7;AGRS:q'),
    code: 'UnknownVariable',
    says: /"AGRS" in ctl/,
    silent: true,
  },
  'a message without an end': { text: rule("pass,msg:'a"), code: 'BadValue', says: /action "msg"/, silent: true },
  'a percent sign in a message': { text: rule("pass,msg:'100% sure'"), code: 'BadValue', says: /no % but of a macro/ },
  'a macro of no variable in a message': { text: rule("pass,msg:'%{ARG.a}'"), code: 'BadMacro', says: /ARG\.a/ },
  'a value that takes in the next': {
    text: rule("pass,accuracy:8,msg:'a'"),
    code: 'BadValue',
    says: /single quotes, since the engine would take in/,
  },
  'a version without quotes': { text: rule('pass,ver:1'), code: 'BadValue', says: /action "ver"/ },
  'a flag with a value': { text: rule('pass,capture:1'), code: 'BadValue', says: /takes no value/ },
  'a severity that does not exist': { text: rule('pass,severity:FATAL'), code: 'BadValue', says: /CRITICAL/ },
  'a severity beyond 7': { text: rule('pass,severity:9'), code: 'BadValue', says: /from 0 to 7/, silent: true },
  'a status that is none': { text: rule('deny,status:99999'), code: 'BadValue', says: /from 100 to 599/, silent: true },
  'a setvar into no collection': { text: rule('pass,setvar:foo.a=1'), code: 'BadValue', says: /collection is one of/ },
  'a setvar with a comma': { text: rule("pass,setvar:'tx.a=1,2'"), code: 'BadValue', says: /action "setvar"/ },
  'an empty action': { text: rule('pass,,log'), code: 'BadActions', says: /two commas/ },
  'a missing comma': { text: rule('pass log'), code: 'BadActions', says: /a comma is expected before 'log'/ },
  'actions that do not end': {
    text: 'SecRule ARGS "@rx a" "id:7,phase:2,\npass"',
    code: 'BadActions',
    says: /ends in a backslash/,
  },
  'a rule whose actions are the next line': {
    text: 'SecRule ARGS "@rx a" "id:7,phase:2,pass,chain"\nSecRule ARGS "@rx b"',
    line: 2,
    code: 'BadActions',
    says: /empty line after it/,
  },
  'a mistake on a continued line': {
    text: 'SecRule ARGS "@rx a" \\\n    "id:7,\\\n    phase:2,\\\n    deyn"',
    line: 4,
    code: 'UnknownAction',
    says: /deyn/,
  },
  'a revision that takes in the next rule': {
    text: rule('pass,rev:2'),
    code: 'BadValue',
    says: /action "rev" .* would take in/,
    silent: true,
  },
  'a percent sign that takes in the comma': {
    text: rule('pass,tag:a%,log'),
    code: 'BadValue',
    says: /action "tag"/,
    silent: true,
  },
  'a quote that is not escaped': {
    text: `SecAction "id:7,phase:1,pass,msg:'\\',ctl:ruleEngine=Off"\n# '`,
    code: 'BadValue',
    says: /action "msg"/,
    silent: true,
  },
  'a name that is a regex to the engine': {
    text: rule('pass,setvar:tx./a=1'),
    code: 'BadValue',
    says: /action "setvar"/,
    silent: true,
  },
  'a macro that is a regex to the engine': {
    text: rule("pass,msg:'%{tx./a}, %{tx.b/}'"),
    code: 'BadMacro',
    says: /tx\.\/a/,
    silent: true,
  },
  'a directive hidden behind an operator': {
    text: `SecRule ARGS "@rx 100%" "id:7,phase:1,pass,msg:'a id:8 SecRuleEngine Off #'"`,
    code: 'BadOperator',
    says: /%" does not end/,
    silent: true,
  },
  // Rules together
  'a rule without an id': { text: 'SecRule ARGS "@rx a" "phase:2,pass"', code: 'NoId', says: /no id/ },
  'an action without an id': { text: 'SecAction "phase:1,pass"', code: 'NoId', says: /no id/, silent: true },
  'an id of 0': { text: 'SecAction "id:0,phase:1,pass"', code: 'BadId', says: /from 1/, silent: true },
  'a second id': { text: rule('id:8,pass'), code: 'BadId', says: /second id/, silent: true },
  'an id that is taken': {
    text: 'SecAction "id:1,phase:1,pass"',
    code: 'DuplicateId',
    says: /id 1 is taken by rules\.conf:2/,
    silent: true,
  },
  'a phase that does not exist': { text: 'SecAction "id:7,phase:6,pass"', code: 'BadPhase', says: /must be 1 to 5/ },
  'phase 0': { text: 'SecAction "id:7,phase:0,pass"', code: 'BadPhase', says: /must be 1 to 5/, silent: true },
  'a phase that is an allow': {
    text: `SecAction "id:7,phase:'request',pass"`,
    code: 'BadValue',
    says: /action "phase"/,
    silent: true,
  },
  'a chain before an action': { text: rule('pass,chain'), code: 'ChainOpen', says: /no next rule/ },
  'a chain broken by a marker': {
    text: `${rule('pass,chain')}\nSecMarker B\nSecRule ARGS "@rx b" "id:8,phase:2,pass"`,
    code: 'ChainOpen',
    says: /no next rule/,
  },
  'a chain begun by an action': {
    text: 'SecAction "id:7,phase:1,pass,chain"',
    code: 'ChainOpen',
    says: /SecAction cannot begin/,
    silent: true,
  },
  'a chained rule that decides': {
    text: `${rule('pass,chain')}\nSecRule ARGS "@rx b" "deny"`,
    line: 2,
    code: 'ChainedAction',
    says: /"deny" belongs/,
  },
  'a chained rule with a phase': {
    text: `${rule('pass,chain')}\nSecRule ARGS "@rx b" "phase:1"`,
    line: 2,
    code: 'ChainedAction',
    says: /"phase" belongs/,
    silent: true,
  },
  'a skip to nowhere': { text: rule('pass,skipAfter:ENDD'), code: 'SkipNowhere', says: /nearest: END/, silent: true },
  'a skip to what came before': {
    text: rule('pass,skipAfter:BEGIN'),
    code: 'SkipNowhere',
    says: /must come later/,
    silent: true,
  },
  'the removal of an id that does not exist': {
    text: 'SecRuleRemoveById 1 999',
    code: 'RemovesNothing',
    says: /rule 999 does not exist/,
    silent: true,
  },
  'the removal of a range without rules': {
    text: 'SecRuleRemoveById 500-600',
    code: 'RemovesNothing',
    says: /no rule from 500 to 600/,
    silent: true,
  },
  'the removal of a tag that does not exist': {
    text: 'SecRuleRemoveByTag "attack-sqll"',
    code: 'RemovesNothing',
    says: /nearest: attack-sqli/,
    silent: true,
  },
  'the removal of a message that does not exist': {
    text: 'SecRuleRemoveByMsg "none"',
    code: 'RemovesNothing',
    says: /no rule has the message/,
    silent: true,
  },
  'an update of targets of no rule': {
    text: 'SecRuleUpdateTargetById 999 "!ARGS:a"',
    code: 'RemovesNothing',
    says: /rule 999/,
    silent: true,
  },
  'an update of actions of no rule': {
    text: 'SecRuleUpdateActionById 999 "pass"',
    code: 'RemovesNothing',
    says: /rule 999/,
    silent: true,
  },
  'a ctl removal of no rule': {
    text: rule('pass,ctl:ruleRemoveById=999'),
    code: 'RemovesNothing',
    says: /rule 999/,
    silent: true,
  },
  'a ctl removal by no tag': {
    text: rule('pass,ctl:ruleRemoveByTag=attack-xss'),
    code: 'RemovesNothing',
    says: /no rule has the tag/,
    silent: true,
  },
  'a removal of what is no id': { text: 'SecRuleRemoveById abc', code: 'BadSetting', says: /takes ids and ranges/ },
  'a second default for a phase': {
    text: 'SecDefaultAction "phase:1,log,pass"',
    code: 'DuplicateDefault',
    says: /already, at rules\.conf:1/,
  },
  'a default without a decision': { text: 'SecDefaultAction "phase:3,log"', code: 'BadDefault', says: /needs one of/ },
  'a default without a phase': {
    text: 'SecDefaultAction "log,pass"',
    code: 'BadDefault',
    says: /needs a phase/,
  },
  'a default with an id': {
    text: 'SecDefaultAction "phase:3,log,pass,id:7"',
    code: 'BadDefault',
    says: /belongs in a rule/,
  },
  // Lines
  'a directive that does not exist': {
    text: 'SecRul ARGS "@rx a" "id:7"',
    code: 'UnknownDirective',
    says: /"SecRul" \(nearest: SecRule\)/,
  },
  'a directive that v3 lost': { text: 'SecContentInjection On', code: 'UnsupportedDirective', says: /not supported/ },
  'an optional include': { text: 'IncludeOptional /etc/a.conf', code: 'UnsupportedDirective', says: /IncludeOptional/ },
  'a line of HTML': {
    text: '<html><body>404</body></html>',
    code: 'UnknownDirective',
    says: /a directive is expected/,
  },
  'a setting of no value': {
    text: 'SecRuleEngine Onn',
    code: 'BadSetting',
    says: /On or Off or DetectionOnly, not 'Onn'/,
  },
  'a number that is none': { text: 'SecRequestBodyLimit 13MB', code: 'BadSetting', says: /takes a number, not '13MB'/ },
  'a signature without quotes': {
    text: 'SecComponentSignature a/1',
    code: 'BadSetting',
    says: /a text in double quotes/,
  },
  'a rule lost in a comment': {
    text: `#SecRule ARGS "@rx b" \\\n${rule('deny')}`,
    code: 'CommentSwallows',
    says: /takes the next lines with it/,
    silent: true,
  },
}
