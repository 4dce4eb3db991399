/**
 * What the update server answers when it gives neither 200 nor 304: one table. docs/reference/update-protocol.md lists the same; a test compares.
 * 4xx: the caller is wrong, or asks for what is not theirs. 5xx: we cannot tell now. Whatever it is, a Pod keeps the rules it has.
 */

export const SERVE_ERRORS = {
  RequestMalformed: { status: 400, sentence: 'The request is not one of HTTP as it is spoken here.' },
  ReportInvalid: { status: 400, sentence: 'The report is larger than 4 KiB, or a field in it is not what it must be.' },
  TokenMissing: { status: 401, sentence: 'There is no bearer token in the request.' },
  TokenMalformed: {
    status: 401,
    sentence: 'The token is not a signed JWT with a key id, an expiry and the claims of a ServiceAccount.',
  },
  TokenAlgorithm: {
    status: 401,
    sentence: 'The token is signed by an algorithm that is not accepted: only RS256 and ES256 are.',
  },
  TokenKeyUnknown: { status: 401, sentence: 'The token is signed by a key that is not one of this cluster.' },
  TokenSignature: { status: 401, sentence: "The token's signature is not that of the key it names." },
  TokenIssuer: { status: 401, sentence: 'The token was issued by another cluster.' },
  TokenAudience: { status: 401, sentence: 'The token is not meant for `sekisho-rules`.' },
  TokenExpired: { status: 401, sentence: 'The token has expired.' },
  TokenNotYet: { status: 401, sentence: 'The token is not valid yet: a clock is wrong.' },
  TokenNotOfPod: { status: 401, sentence: 'The token is not bound to a Pod.' },
  PodUnknown: { status: 403, sentence: 'The Pod of the token is gone, or its sidecars are not those of Sekisho.' },
  PeerUnknown: { status: 403, sentence: 'The token is not that of the service itself.' },
  AgentUnknown: { status: 403, sentence: 'The token is not that of an agent of the IDS.' },
  PathUnknown: { status: 404, sentence: 'The path is not served.' },
  BundleUnknown: { status: 404, sentence: 'No bundle of that name is kept for the namespace of the Pod.' },
  IdsRulesNone: { status: 404, sentence: 'The service follows no IDS rules: `sources.ids.from` is `none`.' },
  ArchiveUnknown: { status: 404, sentence: 'No archive of IDS rules with that hash is kept: ask what is current.' },
  MethodUnknown: { status: 405, sentence: 'The path answers GET only.' },
  Failed: { status: 500, sentence: 'A fault of ours; the log of sekisho-rules has it.' },
  NotKnownYet: { status: 503, sentence: 'What is known of the cluster is not complete, so no answer would be sure.' },
  IdsRulesNotYet: { status: 503, sentence: 'IDS rules are followed, and none were fetched yet.' },
  Overloaded: {
    status: 503,
    sentence: 'More is asked than can be answered in time; `Retry-After` says when to come back.',
  },
} as const satisfies Record<string, { status: number; sentence: string }>
export type ServeErrorCode = keyof typeof SERVE_ERRORS

/** Ends a request with the status of its code. The message is for a person who reads the log of an updater. */
export class ServeError extends Error {
  override readonly name = 'ServeError'
  readonly code: ServeErrorCode
  /** @param message what is wrong in this case; the table's sentence without one */
  constructor(code: ServeErrorCode, message: string = SERVE_ERRORS[code].sentence, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
  get status(): number {
    return SERVE_ERRORS[this.code].status
  }
  get body(): string {
    return JSON.stringify({ reason: this.code, message: this.message })
  }
}
