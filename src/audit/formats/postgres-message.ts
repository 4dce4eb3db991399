/**
 * What PostgreSQL's server log says of who came and who was turned away: messages of log_connections and of refusals, the same wherever
 * the server runs. Statements are pgAudit's.
 */
export interface PostgresMessage {
  /** A connection that was taken up is no access yet: it tells the address. */
  readonly kind: 'received' | 'connected' | 'refused' | 'denied'
  readonly address?: string
  readonly user?: string
  readonly database?: string
  /** `connection authorized`, `password authentication failed` … */
  readonly operation: string
  /** What was refused to be touched. */
  readonly object?: string
}

interface Row {
  readonly pattern: RegExp
  readonly read: (groups: Readonly<Record<string, string | undefined>>) => PostgresMessage
}
const given = (groups: Readonly<Record<string, string | undefined>>) => ({
  ...(groups['address'] && groups['address'] !== '[local]' && { address: groups['address'] }),
  ...(groups['user'] && { user: groups['user'] }),
  ...(groups['database'] && { database: groups['database'] }),
})
/** Names in messages are quoted and not escaped: what is quoted runs to the last quote that fits. */
const ROWS: readonly Row[] = [
  {
    pattern: /^connection received: host=(?<address>\S+)/,
    read: (groups) => ({ kind: 'received', operation: 'connection received', ...given(groups) }),
  },
  {
    // A name with spaces cannot pretend to be the database: the last ` database=` counts.
    pattern:
      /^(?:replication )?connection authorized: user=(?<user>.*?)(?: database=(?<database>\S+))?(?: application_name=.*?)?(?: SSL enabled.*| GSS .*)?$/s,
    read: (groups) => ({ kind: 'connected', operation: 'connection authorized', ...given(groups) }),
  },
  {
    pattern:
      /^(?<what>password|Ident|Peer|GSSAPI|SSPI|PAM|BSD|LDAP|certificate|RADIUS|SCRAM|Cloud SQL IAM (?:user|service account)|"[a-z-]+") authentication failed for user "(?<user>.*)"$/s,
    read: (groups) => ({ kind: 'refused', operation: `${groups['what']} authentication failed`, ...given(groups) }),
  },
  {
    pattern:
      /^(?:pg_hba\.conf rejects (?:replication )?connection for|no pg_hba\.conf entry for) (?:replication connection from )?host "(?<address>[^"]*)", user "(?<user>.*?)"(?:, database "(?<database>.*?)")?(?:, [^"]*)?$/s,
    read: (groups) => ({ kind: 'refused', operation: 'refused by pg_hba.conf', ...given(groups) }),
  },
  {
    pattern: /^role "(?<user>.*)" (?:does not exist|is not permitted to log in)$/s,
    read: (groups) => ({ kind: 'refused', operation: 'role may not log in', ...given(groups) }),
  },
  {
    pattern: /^permission denied for (?<what>[a-z -]{1,40}?)(?: "?(?<object>.*?)"?)?$/s,
    read: (groups) => ({
      kind: 'denied',
      operation: 'permission denied',
      ...(groups['object'] && { object: groups['object'] }),
    }),
  },
]

/** What it tells, if it is one of these. */
export const readPostgresMessage = (severity: string, message: string): PostgresMessage | undefined => {
  if (!/^(LOG|FATAL|ERROR)$/.test(severity)) return undefined
  const text = message.slice(0, 2000)
  for (const { pattern, read } of ROWS) {
    const groups = pattern.exec(text)?.groups
    if (groups) {
      const found = read(groups)
      // A user who is called like a message is quoted inside of an ERROR: connections are LOG, refusals FATAL.
      const fits = found.kind === 'denied' ? severity !== 'LOG' : (found.kind === 'refused') === (severity === 'FATAL')
      if (fits) return found
    }
  }
  return undefined
}
