/**
 * What can be wrong with IDS rules and filters of a ConfigMap, as far as it can be seen without the engine: a code, what it means, what mends it.
 * docs/reference/ids-rules.md shows the same table; a test compares. The sentence that a person reads is made where the mistake is found.
 */

interface Entry {
  readonly sentence: string
  readonly remedy: string
}

export const IDS_PROBLEMS = {
  BadText: {
    sentence: 'The file is not text, holds a control character, or all files together are too large.',
    remedy: 'Write UTF-8; write a byte in a `content` as `|00|`. Take rules out, or bring them by the archive.',
  },
  BadHeader: {
    sentence: 'What stands before the bracket is not `ACTION PROTOCOL SOURCE PORT -> DESTINATION PORT`.',
    remedy: 'Write the seven words with blanks between, and a blank before the bracket.',
  },
  UnknownAction: {
    sentence: 'The rule begins with a word that is no action.',
    remedy: 'Use the nearest action, which the message names, in small letters.',
  },
  UnknownProtocol: {
    sentence: 'The protocol does not exist, or Suricata does not look into it as we ship it.',
    remedy: 'Use the nearest protocol, which the message names.',
  },
  UnknownVariable: {
    sentence: 'The variable of addresses or ports does not exist.',
    remedy: 'Use the nearest variable, which the message names, or write the addresses.',
  },
  UnknownKeyword: {
    sentence: 'The option does not exist.',
    remedy: 'Use the nearest one, which the message names, in small letters.',
  },
  UnbalancedBrackets: {
    sentence: 'A bracket is open that is not closed, or the other way round.',
    remedy:
      'Close the options with `;)` at the end of the line; end a line with `\\` where the rule goes on in the next.',
  },
  UnbalancedQuotes: {
    sentence: 'A quote is open that is not closed before the `;`.',
    remedy: 'Close it; inside quotes write `\\;` for `;` and `\\"` for `"`.',
  },
  MissingSemicolon: {
    sentence: 'An option does not end with `;`, or one is empty.',
    remedy: 'End each option with one `;`, the last one too.',
  },
  BadValue: {
    sentence: 'The value of an option is not of the kind that it takes.',
    remedy: 'Write what the message asks for.',
  },
  MissingSid: { sentence: 'The rule has no `sid`.', remedy: 'Give it one from 1001000 to 1999999.' },
  DoubledSid: {
    sentence: 'The `sid` is taken by another rule, or stands twice in one.',
    remedy: 'Give each rule its own.',
  },
  SidNotAllowed: {
    sentence:
      'The `sid` is outside of what local rules have, so that the rule could take the place of another, or is reserved (1000000 to 1000999).',
    remedy: 'Use one from 1001000 to 1999999, with `gid` left out.',
  },
  PassNotAllowed: {
    sentence: 'A rule with `pass` hides what it matches from all other rules.',
    remedy: 'Make the matches narrower, or let the platform allow `pass`.',
  },
  BypassNotAllowed: {
    sentence: '`bypass` takes the rest of a flow out of sight.',
    remedy: 'Take it out, or let the platform allow `bypass`.',
  },
  NoalertNotAllowed: {
    sentence: 'A rule with `noalert` is never told of.',
    remedy: 'Take it out, or let the platform allow `noalert`.',
  },
  LuaNotAllowed: {
    sentence: '`lua` and `luaxform` run a program in the IDS.',
    remedy: 'Take it out, or let the platform allow `lua`.',
  },
  FilestoreNotAllowed: {
    sentence: '`filestore` and `tls.store` write what was seen to the disk of the node.',
    remedy: 'Take it out, or let the platform allow `filestore`.',
  },
  DatasetNotAllowed: {
    sentence: 'The set is read from or written to a file of the IDS.',
    remedy: 'Leave `save`, `state` and `load` out, or let the platform allow `dataset-write`.',
  },
  RejectNotAllowed: {
    sentence: 'The rule would answer connections with resets: also an IDS that only listens does so.',
    remedy: 'Use `alert`. Nothing allows it.',
  },
  ConfigNotAllowed: {
    sentence: 'The action or option `config` switches logging and tracking off.',
    remedy: 'Take it out. Nothing allows it.',
  },
  ReplaceNotAllowed: {
    sentence: '`replace` changes packets, which an IDS does not.',
    remedy: 'Take it out. Nothing allows it.',
  },
  ReservedSid: {
    sentence: 'A filter turns off or changes one of the rules of Sekisho itself.',
    remedy: 'Take the line out: those rules are not filtered.',
  },
  BadMatcher: {
    sentence: 'The line of a filter names no rules: suricata-update would skip it without a word.',
    remedy: 'Write `SID`, `1:SID`, `re:REGEX`, `group:NAME`, `filename:NAME`, `metadata:KEY VALUE` or `*`.',
  },
  BadRegex: {
    sentence: 'The regular expression does not compile in Python.',
    remedy: 'Mend it at what the message names.',
  },
  BadModify: {
    sentence: 'The line of modify.conf has not the parts it must have.',
    remedy: 'Write `MATCH "REGEX" "REPLACEMENT"`, or `metadata-add MATCH KEY VALUE`.',
  },
  UnknownFile: {
    sentence: 'The key of the ConfigMap is no file that is read.',
    remedy: 'Name it `….rules`, `enable.conf`, `disable.conf`, `modify.conf` or `drop.conf`.',
  },
  ActsAsAlert: {
    sentence: 'The rule, or the filter, says `drop`: an IDS only listens, so it alerts.',
    remedy: 'Write `alert`, so that nobody believes it drops.',
  },
} as const satisfies Record<string, Entry>

export type IdsProblemCode = keyof typeof IDS_PROBLEMS

export interface IdsProblem {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly code: IdsProblemCode
  readonly message: string
}

/** `local.rules:14: unknown option "contnet" (nearest: content)` */
export const asLine = ({ file, line, message }: IdsProblem): string => `${file}:${line}: ${message}`

/** So many are told of at most: whoever wrote worse mends these first. */
export const MOST_PROBLEMS = 200

const LONGEST = 60
/** A word of the file inside a message: one line, short, in quotes. */
export const shown = (text: string): string => {
  const one = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd')
  return `"${one.length > LONGEST ? `${one.slice(0, LONGEST - 1)}…` : one}"`
}
