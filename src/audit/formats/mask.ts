/**
 * Secrets out of text that is kept: signatures of signed URLs, tokens, passwords in SQL.
 *
 * A literal that is not closed (the text was cut) is masked to its end. The engines close a literal differently: a backslash escapes in
 * MySQL and, in PostgreSQL, only in E'…'. Taking one for the other would either show half a password or hide the statement behind it.
 */
const MASK = '***'

/** A capability by itself: who has the value, has the access. */
const PARAMETER =
  /([?&;\s"'](?:X-Goog-Signature|X-Amz-Signature|X-Amz-Security-Token|X-Goog-Security-Token|Signature|sig|access_token|refresh_token|id_token|token|api_?key|key|upload_id|uploadId|password|passwd|pwd|secret|client_secret)=)[^&\s"'<>;,)]+/gi
/** `Authorization: …`, JWTs, tokens of Google and AWS's secret parts. */
const TOKEN =
  /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}|\beyJ[A-Za-z0-9_-]{5,300}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?|\bya29\.[A-Za-z0-9._-]{8,}|\bAIza[A-Za-z0-9_-]{30,}/g
const KEY_BLOCK = /-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,20}PRIVATE KEY-----|$)/g
const JSON_MEMBER =
  /("(?:[A-Za-z_-]{0,30}(?:password|passwd|secret|token|private_?key)|X-Amz-Signature|X-Amz-Security-Token)"\s*:\s*")(?:[^"\\]|\\.)*("|$)/gi

// Every gap follows a word that must be there: adjacent gaps would let a run of spaces be divided in many ways.
const GAP = String.raw`(?:\s|/\*[^*]{0,200}\*/)*`
const BEFORE_LITERAL = String.raw`((?<!")\b(?:IDENTIFIED${GAP}(?:WITH${GAP}\S{1,64}${GAP})?(?:BY|AS|USING)(?:${GAP}PASSWORD)?|[A-Z_]{0,30}PASSWORD|[A-Z_]{0,30}PASSPHRASE|REPLACE)${GAP}(?:(?:=|:=|TO\b|\()${GAP})?(?:PASSWORD${GAP}\(${GAP})?)`
const MYSQL_LITERAL = String.raw`(?:'(?:[^'\\]|\\[\s\S]|'')*(?:'|\\?$)|"(?:[^"\\]|\\[\s\S]|"")*(?:"|\\?$))`
const POSTGRES_LITERAL = String.raw`(?:E'(?:[^'\\]|\\[\s\S]|'')*(?:'|\\?$)|(?:U&)?'(?:[^']|'')*(?:'|$)|\$([A-Za-z_]\w{0,62})?\$[\s\S]*?(?:\$\2\$|$))`
const MYSQL_PASSWORD = new RegExp(BEFORE_LITERAL + MYSQL_LITERAL, 'gi')
const POSTGRES_PASSWORD = new RegExp(BEFORE_LITERAL + POSTGRES_LITERAL, 'gi')

/** Nothing of the kind is in most lines, and one look is cheaper than six. */
const SUSPECT = /signature|sig=|token|key|upload|passw|pwd|passphrase|secret|bearer|basic|eyJ|ya29|identified/i

/** Secrets of any text: URLs, headers, JSON, SQL. Of which engine is not known: rather too much is hidden than half a password shown. */
export const mask = (text: string): string => (SUSPECT.test(text) ? maskPostgres(maskMysql(text)) : text)

/** Secrets of a statement. */
export const maskSql = (sql: string, engine: 'postgresql' | 'mysql'): string => {
  if (!SUSPECT.test(sql)) return sql
  return engine === 'mysql' ? maskMysql(sql) : maskPostgres(sql)
}

const maskMysql = (text: string): string => common(text.replace(MYSQL_PASSWORD, `$1'${MASK}'`))
const maskPostgres = (text: string): string => common(text.replace(POSTGRES_PASSWORD, `$1'${MASK}'`))
const common = (text: string): string =>
  text
    .replace(KEY_BLOCK, MASK)
    .replace(JSON_MEMBER, `$1${MASK}"`)
    .replace(PARAMETER, `$1${MASK}`)
    .replace(TOKEN, (_, scheme?: string) => (scheme ? `${scheme} ${MASK}` : MASK))
