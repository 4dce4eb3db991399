/** Mistakes and refusals, each with what is said of it. The engine is asked about the same rules in an image test. */
import type { IdsPermit } from '../../../src/config/ids.ts'
import type { IdsProblemCode } from '../../../src/ids/language/problem.ts'

/** A rule with these options, and an id of its own. */
export const rule = (options: string, header = 'alert tcp any any -> any any'): string =>
  `${header} (msg:"a"; ${options} sid:1001000; rev:1;)`

export interface Mistake {
  readonly text: string
  readonly code: IdsProblemCode
  readonly message: RegExp
  readonly line?: number
  /** The engine takes it: only we refuse. */
  readonly engineTakes?: true
  readonly permit?: IdsPermit
}

export const RULE_MISTAKES: readonly Mistake[] = [
  {
    text: rule('', 'alret tcp any any -> any any'),
    code: 'UnknownAction',
    message: /unknown action "alret" \(nearest: alert\)/,
  },
  {
    text: rule('', 'ALERT tcp any any -> any any'),
    code: 'UnknownAction',
    message: /nearest: alert/,
    engineTakes: true,
  },
  { text: rule('', 'alert htttp any any -> any any'), code: 'UnknownProtocol', message: /"htttp" \(nearest: http\)/ },
  { text: rule('', 'alert tcp any any => any'), code: 'BadHeader', message: /6 words before the bracket/ },
  { text: rule('', 'alert tcp any any <- any any'), code: 'BadHeader', message: /direction is "<-"/ },
  { text: rule('', 'alert tcp\tany any -> any any'), code: 'BadHeader', message: /a tab/ },
  { text: 'alert tcp any any -> any any(msg:"a"; sid:1001000;)', code: 'BadHeader', message: /blank before the \(/ },
  {
    text: rule('', 'alert tcp $HOME_NETS any -> any any'),
    code: 'UnknownVariable',
    message: /"\$HOME_NETS" \(nearest: \$?HOME_NET\)/,
  },
  { text: rule('', 'alert tcp [10.0.0.0/8 any -> any any'), code: 'BadHeader', message: /words before the bracket/ },
  { text: rule('', 'alert tcp any any -> any 80]'), code: 'UnbalancedBrackets', message: /"80\]"/ },
  { text: rule('contnet:"a";'), code: 'UnknownKeyword', message: /unknown option "contnet" \(nearest: content\)/ },
  { text: rule('Content:"a";'), code: 'UnknownKeyword', message: /nearest: content/, engineTakes: true },
  { text: rule('content:"a;b";'), code: 'UnbalancedQuotes', message: /quote of content is not closed/ },
  { text: rule('content:a;'), code: 'BadValue', message: /content takes its value in double quotes, not "a"/ },
  {
    text: 'alert tcp any any -> any any (msg:"a"; sid:1001000)',
    code: 'MissingSemicolon',
    message: /no ; after "sid:1001000"/,
  },
  { text: rule(';'), code: 'MissingSemicolon', message: /a ; without an option/ },
  {
    text: 'alert tcp any any -> any any (msg:"a"; sid:1001000;',
    code: 'UnbalancedBrackets',
    message: /does not end with \)/,
    engineTakes: true,
  },
  {
    text: 'alert tcp any any -> any any (msg:"a"; sid:1001000;) # why',
    code: 'UnbalancedBrackets',
    message: /does not end with \)/,
  },
  {
    text: 'alert tcp any any -> any any (msg:"a"; rev:1;)',
    code: 'MissingSid',
    message: /no sid: give it one from 1001000 to 1999999/,
  },
  { text: rule('sid:1001001;'), code: 'DoubledSid', message: /more than one sid/ },
  { text: 'alert tcp any any -> any any (msg:"a"; sid:abc;)', code: 'BadValue', message: /sid must be a number/ },
  {
    text: 'alert tcp any any -> any any (msg:"a"; sid:4294967296;)',
    code: 'BadValue',
    message: /sid must be a number/,
  },
  {
    text: 'alert tcp any any -> any any (msg:"a"; sid:1000000;)',
    code: 'SidNotAllowed',
    message: /1000000 is one of Sekisho's own/,
    engineTakes: true,
  },
  {
    text: 'alert tcp any any -> any any (msg:"a"; sid:2100498; rev:99;)',
    code: 'SidNotAllowed',
    message: /2100498 is not for local rules/,
    engineTakes: true,
  },
  { text: rule('gid:2;'), code: 'SidNotAllowed', message: /gid must be left out/, engineTakes: true },
  { text: 'no rule at all', code: 'BadHeader', message: /this is no rule/ },
  {
    text: rule('', 'pass ip any any -> any any'),
    code: 'PassNotAllowed',
    message: /pass rule hides/,
    engineTakes: true,
    permit: 'pass',
  },
  {
    text: `# ${rule('', 'pass ip any any -> any any')}`,
    code: 'PassNotAllowed',
    message: /commented out, but a filter can turn it on/,
    engineTakes: true,
    permit: 'pass',
  },
  {
    text: rule('bypass;'),
    code: 'BypassNotAllowed',
    message: /bypass takes the rest/,
    engineTakes: true,
    permit: 'bypass',
  },
  { text: rule('noalert;'), code: 'NoalertNotAllowed', message: /noalert/, engineTakes: true, permit: 'noalert' },
  {
    text: rule('flowbits:noalert;'),
    code: 'NoalertNotAllowed',
    message: /flowbits:noalert/,
    engineTakes: true,
    permit: 'noalert',
  },
  {
    text: rule('flowbits : noalert ;'),
    code: 'NoalertNotAllowed',
    message: /flowbits:noalert/,
    engineTakes: true,
    permit: 'noalert',
  },
  {
    text: rule('xbits:noalert;'),
    code: 'NoalertNotAllowed',
    message: /xbits:noalert/,
    engineTakes: true,
    permit: 'noalert',
  },
  {
    text: rule('hostbits:noalert;'),
    code: 'NoalertNotAllowed',
    message: /hostbits:noalert/,
    engineTakes: true,
    permit: 'noalert',
  },
  { text: rule('lua:x.lua;'), code: 'LuaNotAllowed', message: /runs a program/, permit: 'lua' },
  { text: rule('content:"a"; luaxform:x.lua;'), code: 'LuaNotAllowed', message: /runs a program/, permit: 'lua' },
  {
    text: rule('filestore;', 'alert http any any -> any any'),
    code: 'FilestoreNotAllowed',
    message: /writes files/,
    engineTakes: true,
    permit: 'filestore',
  },
  {
    text: rule('tls.store;', 'alert tls any any -> any any'),
    code: 'FilestoreNotAllowed',
    message: /writes files/,
    engineTakes: true,
    permit: 'filestore',
  },
  ...['save x.lst', 'state x.lst', 'load x.lst'].map(
    (how): Mistake => ({
      text: rule(
        `http.host; dataset:set,names-${how.slice(0, 4)}, type string, ${how};`,
        'alert http any any -> any any',
      ),
      code: 'DatasetNotAllowed',
      message: /reads or writes a file/,
      permit: 'dataset-write',
      ...(!how.startsWith('save') ? {} : { engineTakes: true as const }),
    }),
  ),
  {
    text: rule('', 'reject tcp any any -> any any'),
    code: 'RejectNotAllowed',
    message: /nothing allows it/,
    engineTakes: true,
  },
  {
    text: rule('', 'rejectboth tcp any any -> any any'),
    code: 'RejectNotAllowed',
    message: /rejectboth answers/,
    engineTakes: true,
  },
  {
    text: rule('', 'config tcp any any -> any any'),
    code: 'ConfigNotAllowed',
    message: /action config/,
    engineTakes: true,
  },
  {
    text: rule('config:logging disable, type tx, scope tx;', 'config dns any any -> any any'),
    code: 'ConfigNotAllowed',
    message: /config/,
    engineTakes: true,
  },
  { text: rule('content:"a"; replace:"b";'), code: 'ReplaceNotAllowed', message: /changes packets/, engineTakes: true },
]

export const FILTER_MISTAKES: readonly (Mistake & { readonly file: string })[] = [
  { file: 'disable.conf', text: '1000001', code: 'ReservedSid', message: /1000001 is one of Sekisho's own rules/ },
  { file: 'disable.conf', text: '2019401, 1:1000000', code: 'ReservedSid', message: /1000000/ },
  { file: 'drop.conf', text: '1:1000003:1', code: 'ReservedSid', message: /1000003/ },
  { file: 'modify.conf', text: '1000001 "tcp" "udp"', code: 'ReservedSid', message: /1000001/ },
  { file: 'disable.conf', text: 'group-malware', code: 'BadMatcher', message: /"group-malware" names no rules/ },
  { file: 'disable.conf', text: '1_000_001', code: 'BadMatcher', message: /names no rules/ },
  { file: 'disable.conf', text: '１０００００１', code: 'BadMatcher', message: /names no rules/ },
  { file: 'enable.conf', text: 'metadata: deployment', code: 'BadMatcher', message: /takes a key and a value/ },
  { file: 'enable.conf', text: 're:a(b', code: 'BadRegex', message: /"a\(b" does not compile/ },
  { file: 'enable.conf', text: String.raw`re:\Qa\E`, code: 'BadRegex', message: /\\Q means nothing/ },
  { file: 'enable.conf', text: 're:*a', code: 'BadRegex', message: /nothing to repeat/ },
  { file: 'enable.conf', text: 're:[z-a]', code: 'BadRegex', message: /does not compile/ },
  { file: 'enable.conf', text: 're:', code: 'BadRegex', message: /empty/ },
  { file: 'modify.conf', text: '2019401 "a', code: 'BadModify', message: /a quote is not closed/ },
  { file: 'modify.conf', text: '2019401 "a"', code: 'BadModify', message: /2 words, not 3/ },
  { file: 'modify.conf', text: 're:. "a(" "b"', code: 'BadRegex', message: /does not compile/ },
  {
    file: 'modify.conf',
    text: 're:. "^alert" "pass"',
    code: 'PassNotAllowed',
    message: /could make pass rules/,
    permit: 'pass',
  },
  { file: 'modify.conf', text: String.raw`re:. "^alert" "\160ass"`, code: 'BadModify', message: /has a \\/ },
  { file: 'modify.conf', text: 're:. "^alert" "xpass"', code: 'BadModify', message: /must begin with alert or drop/ },
  { file: 'modify.conf', text: 're:. "alert tcp" "reject tcp"', code: 'RejectNotAllowed', message: /reject/ },
  {
    file: 'modify.conf',
    text: 're:. "rev:" "noalert; rev:"',
    code: 'NoalertNotAllowed',
    message: /noalert/,
    permit: 'noalert',
  },
  {
    file: 'modify.conf',
    text: 're:. "rev:" "flowbits:noalert; rev:"',
    code: 'NoalertNotAllowed',
    message: /noalert/,
    permit: 'noalert',
  },
  {
    file: 'modify.conf',
    text: 're:. "rev:" "bypass; rev:"',
    code: 'BypassNotAllowed',
    message: /bypass/,
    permit: 'bypass',
  },
  {
    file: 'modify.conf',
    text: String.raw`re:. "sid:\d+" "sid:1000000"`,
    code: 'SidNotAllowed',
    message: /another sid/,
  },
  {
    file: 'modify.conf',
    text: 'modifysid 2019401 "rev:" | "noalert; rev:"',
    code: 'NoalertNotAllowed',
    message: /noalert/,
    permit: 'noalert',
  },
  { file: 'modify.conf', text: 'metadata-add re:. a "b; noalert"', code: 'BadModify', message: /no word for metadata/ },
  { file: 'disabled.conf', text: '2019401', code: 'UnknownFile', message: /nearest: disable.conf/ },
]
