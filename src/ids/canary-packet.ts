/** The canary's packet: a DNS query for `NONCE.canary.sekisho.invalid`, TXT, so that whatever looks at it finds a name that exists nowhere. */

/** Of ids/sekisho.rules. */
export const CANARY_SID = 1000000
const LABELS = ['canary', 'sekisho', 'invalid']
const NONCE = /^[0-9a-f]{32}$/
const HEADER_BYTES = 12
const NONCE_BYTES = 32

const label = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')])

/** The packet of a nonce: 32 lower-case hexadecimal digits, the first 4 of which are the query's id too. */
export function canaryPacket(nonce: string): Buffer {
  if (!NONCE.test(nonce))
    throw new RangeError(`Cannot make a canary as its nonce must be 32 hexadecimal digits: current value is '${nonce}'`)
  // Id; flags: recursion desired; one question; no answers, authorities, additions.
  const header = Buffer.from(`${nonce.slice(0, 4)}01000001000000000000`, 'hex')
  // The root ends the name; type TXT, class IN.
  return Buffer.concat([header, ...[nonce, ...LABELS].map(label), Buffer.from([0, 0, 16, 0, 1])])
}

/** The nonce in a packet's payload; undefined where it is no canary. */
export function nonceOf(payload: Buffer): string | undefined {
  if (payload.length < HEADER_BYTES + 1 + NONCE_BYTES || payload[HEADER_BYTES] !== NONCE_BYTES) return undefined
  const nonce = payload.toString('latin1', HEADER_BYTES + 1, HEADER_BYTES + 1 + NONCE_BYTES)
  return NONCE.test(nonce) && payload.equals(canaryPacket(nonce)) ? nonce : undefined
}
