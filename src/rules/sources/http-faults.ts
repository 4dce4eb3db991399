/** What went wrong below HTTP, by the error's code, as a refusal. */
import { quoted } from '../archive/quoted.ts'
import { Refusal, type RefusalCode } from './refusals.ts'

const TIMEOUTS = ['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']
const TLS = /^(CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_)/

/** @param stage `connecting`, or how far the body had come */
export const faultOf = (cause: unknown, stage: string, shown: string): Refusal => {
  const { name, message, code = '' } = cause as Error & { code?: string }
  const because = `${shown}: ${stage}: ${quoted(code || message || name)}.`
  const as = (refusal: RefusalCode) => new Refusal(refusal, because, { cause })
  if (name === 'TimeoutError' || TIMEOUTS.includes(code)) return as('TimedOut')
  if (TLS.test(code)) return as('TlsRefused')
  if (name === 'HTTPParserError' || code.startsWith('HPE_')) return as('UpstreamFault')
  return as(stage === 'connecting' ? 'Unreachable' : 'ConnectionCut')
}
