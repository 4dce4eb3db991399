/**
 * One archive at one https address: commercial rules, IDS rules, or a mirror inside. `{version}` and `{token}` in the address are filled in;
 * the signature stands beside it (`.asc`) unless another address is given.
 */
import { type Address, fillAddress } from './address.ts'
import { considerArchive, type Demands } from './candidate.ts'
import { isPinned } from './choose-release.ts'
import { Refusal } from './refusals.ts'
import { type RuleSource, ruleSource } from './source.ts'

export interface HttpsArchiveOptions {
  readonly address: string
  readonly signatureAddress?: string | undefined
  readonly downloadBytes: number
  /** Filled in for `{token}`; where the address has none, sent as a bearer token. Read anew for each fetch. */
  token?(): Promise<string | undefined>
}

const SIGNATURE_BYTES = 64 * 1024

export const httpsArchive = (options: HttpsArchiveOptions, demands: Demands): RuleSource =>
  ruleSource(demands.layout.kind, demands.source, async ({ known, signal, http, clock }) => {
    const { trust, line, source } = demands
    if (trust.by === 'sha256' && known?.sha256 === trust.sha256)
      return {
        status: 'unchanged',
        reason: 'SameRelease',
        detail: `${source}: the pinned archive is what is known.`,
        known,
      }
    const token = await options.token?.()
    const pinned = line !== undefined && isPinned(line) ? line.replace(/^v/, '') : undefined
    const filled = (template: string): Address =>
      fillAddress(template, { ...(pinned ? { version: pinned } : {}), ...(token ? { token } : {}) })
    const { url, shown } = filled(options.address)
    const inAddress = options.address.includes('{token}')
    const usual = { signal, ...(token && !inAddress ? { token } : {}) }
    // What is trusted is a part of the question: with another key or hash the same bytes are judged anew.
    const question = [shown, line ?? '', trust.by, trust.by === 'sha256' ? trust.sha256 : ''].join(' ')
    const etag = known?.etag?.question === question ? known.etag.value : undefined
    const accept = 'application/gzip, application/octet-stream;q=0.9, */*;q=0.1'
    const got = await http.get(url, {
      ...usual,
      shown,
      accept,
      maxBytes: options.downloadBytes,
      ...(etag ? { etag } : {}),
    })
    if (got.status === 304) {
      if (!known) throw new Refusal('UpstreamFault', `${shown}: 304 was answered to a question without If-None-Match.`)
      return { status: 'unchanged', reason: 'NotModified', detail: `${source}: still ${known.version}.`, known }
    }
    if (/^(text\/html|application\/xhtml)/i.test(got.type))
      throw new Refusal('HtmlInsteadOfArchive', `${shown}: the answer is declared as a web page.`)
    const signature =
      trust.by === 'signature'
        ? await signatureOf(filled(options.signatureAddress ?? `${options.address}.asc`))
        : undefined
    return considerArchive({ bytes: got.body, signature }, demands, {
      known,
      now: clock.now(),
      signal,
      ...(got.etag === undefined ? {} : { etag: { question, value: got.etag } }),
    })

    async function signatureOf(address: Address): Promise<Uint8Array> {
      const asked = { ...usual, shown: address.shown, accept: '*/*', maxBytes: SIGNATURE_BYTES }
      const answer = await http.get(address.url, asked).catch((error) => {
        throw error instanceof Refusal && error.code === 'NotFound'
          ? new Refusal('MissingSignature', error.message, { cause: error })
          : error
      })
      if (answer.status === 200) return answer.body
      throw new Refusal('UpstreamFault', `${address.shown}: 304 was answered to a question without If-None-Match.`)
    }
  })
