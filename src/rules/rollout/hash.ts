/**
 * A small stable hash: FNV-1a over the UTF-8 bytes, then the finisher of MurmurHash3, since FNV alone leaves the high bits of similar texts
 * (uids that differ in one digit) similar. Not for anything that an attacker must not foresee.
 */
const encoder = new TextEncoder()

/** 0 … 2³² − 1; the same in every version. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of encoder.encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
