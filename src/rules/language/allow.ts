/**
 * What a namespace's own rules may use. An allow-list, since what is not understood the engine may do: nothing of what stands here can switch
 * off or disarm the Core Rule Set. docs/reference/rule-lint.md shows these lists, and the WAF's own judge (waf/lib/lint.awk), which judges again
 * in the Pod, has the same; tests compare all three.
 */

export const ALLOWED_DIRECTIVES = ['SecRule', 'SecAction', 'SecMarker'] as const

/** None reads a file, asks the network or runs a program. */
export const ALLOWED_OPERATORS = [
  'beginsWith',
  'contains',
  'containsWord',
  'detectSQLi',
  'detectXSS',
  'endsWith',
  'eq',
  'ge',
  'gt',
  'ipMatch',
  'le',
  'lt',
  'pm',
  'rx',
  'streq',
  'strmatch',
  'unconditionalMatch',
  'validateByteRange',
  'validateUrlEncoding',
  'validateUtf8Encoding',
  'within',
] as const

export const ALLOWED_VARIABLES =
  `ARGS ARGS_COMBINED_SIZE ARGS_GET ARGS_GET_NAMES ARGS_NAMES ARGS_POST ARGS_POST_NAMES FILES FILES_COMBINED_SIZE FILES_NAMES FILES_SIZES
  MATCHED_VAR MATCHED_VARS MATCHED_VARS_NAMES MATCHED_VAR_NAME MULTIPART_STRICT_ERROR QUERY_STRING REMOTE_ADDR REMOTE_PORT REQBODY_ERROR
  REQBODY_PROCESSOR REQUEST_BASENAME REQUEST_BODY REQUEST_BODY_LENGTH REQUEST_COOKIES REQUEST_COOKIES_NAMES REQUEST_FILENAME REQUEST_HEADERS
  REQUEST_HEADERS_NAMES REQUEST_LINE REQUEST_METHOD REQUEST_PROTOCOL REQUEST_URI REQUEST_URI_RAW RESPONSE_HEADERS RESPONSE_HEADERS_NAMES
  RESPONSE_STATUS SERVER_PORT TIME_DAY TIME_HOUR TIME_MIN TIME_WDAY TX UNIQUE_ID XML`.split(/\s+/)

export const ALLOWED_TRANSFORMATIONS =
  `base64Decode base64DecodeExt cmdLine compressWhitespace cssDecode escapeSeqDecode hexDecode htmlEntityDecode jsDecode length lowercase md5
  none normalisePath normalisePathWin normalizePath normalizePathWin removeComments removeCommentsChar removeNulls removeWhitespace
  replaceComments replaceNulls sha1 trim trimLeft trimRight uppercase urlDecode urlDecodeUni utf8toUnicode`.split(/\s+/)

export const ALLOWED_ACTIONS =
  `accuracy auditlog capture chain deny id log logdata maturity msg multiMatch noauditlog nolog pass phase rev setvar severity skipAfter
  status t tag ver`.split(/\s+/)

/** A chained rule only adds a condition. */
export const ALLOWED_CHAINED_ACTIONS = ['capture', 'chain', 'logdata', 'multiMatch', 'setvar', 't'] as const

export const ALLOWED_PHASES = ['1', '2', '3', '5'] as const

/** What `setvar` may write: `tx.custom_NAME`. */
export const ALLOWED_TX = /^custom_[a-z0-9_]+$/

/** Markers of a namespace's own, for `skipAfter`. */
export const ALLOWED_MARKER = /^CUSTOM-[A-Z0-9-]+$/

/** Macros in `logdata`: what matched, and never a header or an argument by name. */
export const ALLOWED_LOGDATA_MACRO = /^(?:MATCHED_VAR|MATCHED_VAR_NAME|TX\.[0-9])$/

/** Of all files together: each pattern is compared with every request, and the files travel in each bundle. Chained rules are counted. */
export const MOST_CUSTOM = { rules: 500, bytes: 262_144 } as const

/** The ids of a namespace's own rules, and those of rules that detect, which an exclusion of a policy may name. */
export const CUSTOM_IDS = { first: 1, last: 199_999 } as const
export const DETECTING_IDS = { first: 911_000, last: 944_999 } as const
