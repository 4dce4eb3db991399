/**
 * Releases as GitHub serves them, or a mirror with the same two addresses:
 *
 *   API/repos/OWNER/NAME/releases                       the list, with If-None-Match: one cheap question is the usual case
 *   DOWNLOADS/OWNER/NAME/releases/download/TAG/ASSET    the archive, and ASSET.asc
 *
 * The list only says what there is. Addresses are our own, and what is believed is the signature.
 */
import { z } from 'zod'
import { considerArchive, type Demands, notOlder } from './candidate.ts'
import { chooseRelease, isPinned, parseVersion } from './choose-release.ts'
import { Refusal } from './refusals.ts'
import { type FetchContext, type Fetched, type Got, type Known, type RuleSource, ruleSource } from './source.ts'

export interface GithubReleaseOptions {
  readonly api: string
  readonly downloads: string
  /** `owner/name`. */
  readonly repository: string
  /** `coreruleset-{version}-minimal.tar.gz`. */
  readonly asset: string
  readonly line: string
  readonly downloadBytes: number
  /** Read anew for each fetch, so that a rotated token is used. */
  token?(): Promise<string | undefined>
}

const LISTING_BYTES = 16 * 1024 * 1024
const SIGNATURE_BYTES = 64 * 1024
/** A hundred releases a page; a line not seen in five has no release. */
const MOST_PAGES = 5

const releases = z.array(
  z.object({
    tag_name: z.string().max(200),
    draft: z.boolean().default(false),
    prerelease: z.boolean().default(false),
    assets: z
      .array(z.object({ name: z.string().max(300), size: z.int().min(0) }))
      .max(1000)
      .default([]),
  }),
)
type Listed = z.output<typeof releases>

const parseListing = (body: Uint8Array, pinned: boolean): Listed => {
  let json: unknown
  try {
    json = JSON.parse(Buffer.from(body).toString('utf8'))
  } catch (cause) {
    throw new Refusal('ListingUnreadable', `${body.length} bytes are not JSON.`, { cause })
  }
  const parsed = releases.safeParse(pinned ? [json] : json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new Refusal('ListingUnreadable', `At ${issue?.path.join('.') || 'its top'}: ${issue?.message}.`)
}

export const githubRelease = (options: GithubReleaseOptions, demands: Demands): RuleSource => {
  const { repository, line, downloadBytes } = options
  const base = `${options.api}/repos/${repository}/releases`
  const pinned = isPinned(line)
  // Of a pinned version only its own entry is asked for, so it may be years old.
  const address = (page: number) =>
    pinned ? `${base}/tags/v${line.replace(/^v/, '')}` : `${base}?per_page=100${page > 1 ? `&page=${page}` : ''}`
  const question = `${address(1)} ${line}`

  const list = async (context: FetchContext): Promise<{ listed: Listed; etag?: Known['etag'] } | 'unchanged'> => {
    const token = await options.token?.()
    const { signal, http, known } = context
    const usual = {
      signal,
      accept: 'application/vnd.github+json',
      maxBytes: LISTING_BYTES,
      ...(token ? { token } : {}),
    }
    const etag = known?.etag?.question === question ? known.etag.value : undefined
    const listed: Listed = []
    let first: Known['etag']
    for (let page = 1; page <= MOST_PAGES; page++) {
      const got = await http
        .get(address(page), page === 1 && etag !== undefined ? { ...usual, etag } : usual)
        .catch((error) => {
          throw pinned ? renamed(error, 'NoRelease') : error
        })
      if (got.status === 304) return 'unchanged'
      if (page === 1 && got.etag !== undefined) first = { question, value: got.etag }
      const some = parseListing(got.body, pinned)
      listed.push(...some)
      if (pinned || some.length < 100 || chooseRelease(some.map(asTag), line).chosen) break
    }
    return { listed, ...(first ? { etag: first } : {}) }
  }

  return ruleSource('crs', demands.source, async (context): Promise<Fetched> => {
    const { known, signal, http, clock } = context
    const answer = await list(context)
    if (answer === 'unchanged') {
      if (!known) throw new Refusal('UpstreamFault', 'Upstream said 304 to a question without If-None-Match.')
      return { status: 'unchanged', reason: 'NotModified', detail: `${demands.source}: still ${known.version}.`, known }
    }
    const { listed, etag } = answer
    const choice = chooseRelease(listed.map(asTag), line)
    if (!choice.chosen) throw new Refusal('NoRelease', choice.detail)
    const { tag, version } = choice
    if (known && !pinned && parseVersion(known.version)) notOlder(version, known)
    if (known?.version === version) {
      const next = etag ? { ...known, etag } : known
      return { status: 'unchanged', reason: 'SameRelease', detail: `${demands.source}: still ${version}.`, known: next }
    }
    const asset = options.asset.replaceAll('{version}', version)
    const assets = listed.find(({ tag_name }) => tag_name === tag)?.assets ?? []
    const archive = assets.find(({ name }) => name === asset)
    if (!archive) throw new Refusal('MissingAsset', `${tag} has no ${asset}.`)
    const signed = demands.trust.by === 'signature'
    if (signed && !assets.some(({ name }) => name === `${asset}.asc`))
      throw new Refusal('MissingSignature', `${tag} has no ${asset}.asc.`)
    if (archive.size > downloadBytes)
      throw new Refusal('DownloadTooLarge', `${asset} has ${archive.size} bytes, at most ${downloadBytes} are taken.`)

    const at = `${options.downloads}/${repository}/releases/download/${tag}/${asset}`
    const get = async (
      url: string,
      maxBytes: number,
      missing: 'MissingAsset' | 'MissingSignature',
    ): Promise<Uint8Array> => {
      const got: Got = await http.get(url, { signal, accept: 'application/octet-stream', maxBytes }).catch((error) => {
        throw renamed(error, missing)
      })
      if (got.status === 200) return got.body
      throw new Refusal('UpstreamFault', `${asset}: 304 was answered to a question without If-None-Match.`)
    }
    // The signature first: without it the archive is not worth its download.
    const signature = signed ? await get(`${at}.asc`, SIGNATURE_BYTES, 'MissingSignature') : undefined
    const bytes = await get(at, downloadBytes, 'MissingAsset')
    const fetched = considerArchive({ bytes, signature, version }, demands, {
      known,
      now: clock.now(),
      signal,
      ...(etag ? { etag } : {}),
    })
    return fetched.catch((error) => {
      throw lengthFirst(error, bytes.length, archive.size, asset)
    })
  })
}

const asTag = ({ tag_name, draft, prerelease }: Listed[number]) => ({ tag: tag_name, draft, prerelease })

const renamed = (error: unknown, code: 'MissingAsset' | 'MissingSignature' | 'NoRelease'): unknown =>
  error instanceof Refusal && error.code === 'NotFound' ? new Refusal(code, error.message, { cause: error }) : error

/** A wrong length explains a bad signature; where the signature is good, the list's number does not matter. */
const lengthFirst = (error: unknown, is: number, listed: number, asset: string): unknown =>
  error instanceof Refusal && is !== listed && error.code === 'BadSignature'
    ? new Refusal('WrongLength', `${asset} came with ${is} bytes, the list says ${listed}.`, { cause: error })
    : error
