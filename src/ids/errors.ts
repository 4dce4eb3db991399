/** What can go wrong between the agent and Suricata. */

export type SuricataErrorCode =
  /** Nothing listens on the socket. */
  | 'absent'
  /** It did not answer in time. */
  | 'silent'
  /** It closed the connection before it answered. */
  | 'closed'
  /** It answered something that is no answer. */
  | 'malformed'
  /** It answered NOK; the message is its own. */
  | 'refused'

export class SuricataError extends Error {
  override readonly name = 'SuricataError'
  readonly code: SuricataErrorCode
  constructor(code: SuricataErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
