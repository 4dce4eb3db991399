/**
 * What the ConfigMap `sekisho-ids-archive` says: which archive of IDS rules is current, of which parts it is made, and what the source said last.
 * The parts are ConfigMaps of their own; this one is written when all of them are there. Read by every replica and by `sekisho rules status`.
 */
import { z } from 'zod'
import { type FetchState, fetchState } from '../rollout/state.ts'
import { FORM, instant, type Parsed, parseJson, printJson, releaseRef } from '../rollout/stored.ts'

export const IDS_ARCHIVE = 'sekisho-ids-archive'
const PART = /^sekisho-ids-archive-[0-9a-f]{12}-\d{1,2}$/
export const isIdsPart = (name: string): boolean => PART.test(name)
export const idsPartName = (sha256: string, index: number): string => `${IDS_ARCHIVE}-${sha256.slice(0, 12)}-${index}`
/** Of the ConfigMap; `binaryData` of a part has one key. */
export const IDS_KEYS = { archive: 'archive', fetch: 'fetch', part: 'part' } as const
/** With base64 as the API server takes it, this is within what a ConfigMap may have. */
export const PART_BYTES = 720 * 1024
export const MOST_PARTS = 24

const manifest = releaseRef.extend({
  /** Of the archive as it is served. */
  bytes: z.int().min(1),
  rules: z.int().min(0),
  /** As the source knows it, which for rules that came unpacked is not the archive's hash. */
  content: z.string(),
  parts: z.array(z.string().regex(PART)).min(1).max(MOST_PARTS),
  fetchedAt: instant,
  /** The publisher's, base64. */
  signature: z.string().optional(),
  /** The service's own word, base64. */
  attested: z.string(),
})
export type IdsManifest = z.output<typeof manifest>

const document = z.object({ form: z.literal(FORM), manifest })
const LOST = 'which IDS rules are current; they are fetched again'

export const printManifest = (one: IdsManifest): string => printJson({ form: FORM, manifest: one })
export const parseManifest = (text: string | undefined): Parsed<IdsManifest | undefined> => {
  const where = `${IDS_ARCHIVE}/${IDS_KEYS.archive}`
  const parsed = parseJson<z.output<typeof document> | undefined>(text, {
    where,
    schema: document,
    empty: undefined,
    lost: LOST,
  })
  return 'state' in parsed ? { ...parsed, state: parsed.state?.manifest } : parsed
}

export const printFetch = (state: FetchState): string => printJson({ form: FORM, fetch: state })
/** Undefined where there is none, or none that can be read: the source is then asked as for the first time. */
export const parseFetch = (text: string | undefined): FetchState | undefined => {
  const schema = z.object({ form: z.literal(FORM), fetch: fetchState })
  const parsed = parseJson<z.output<typeof schema> | undefined>(text, {
    where: `${IDS_ARCHIVE}/${IDS_KEYS.fetch}`,
    schema,
    empty: undefined,
    lost: 'what the source said last',
  })
  return 'state' in parsed ? parsed.state?.fetch : undefined
}
