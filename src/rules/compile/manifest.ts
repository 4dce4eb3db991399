/**
 * The manifest of a bundle: what the WAF verifies, line by line, before it loads anything.
 *
 *     sekisho-manifest 2
 *     crs 4.25.0
 *     rules 402
 *     namespace shop
 *     sequence 7
 *     rollback no
 *     body-limit 13107200
 *     fields-limit 1048576
 *     only-from 192.0.2.0/24
 *     key 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
 *     <sha256>  REQUEST-900-10-SETUP.conf
 *     …
 *
 * These bytes are what is signed; the signature stands beside them in manifest.sig. A generation is named after their hash.
 */

export interface FileSum {
  readonly name: string
  readonly sha256: string
}
export interface ContentFacts {
  readonly release: string
  readonly rules: number
  readonly bodyLimitBytes: number
  readonly fieldsLimitBytes: number
  /** CIDRs of the only peers that may connect, sorted; empty: all may. */
  readonly onlyFrom: readonly string[]
  /** Sorted by name. */
  readonly sums: readonly FileSum[]
}
export interface Identity {
  readonly namespace: string
  /** Rises with each change for the namespace; the WAF takes none that is lower. */
  readonly sequence: number
  /** Said where the content is one that stood before. */
  readonly rollback: boolean
  /** Public keys that hold from now on: raw Ed25519 in base64, current and next. */
  readonly keys: readonly string[]
}
export type Manifest = ContentFacts & Identity

const sumLines = (sums: readonly FileSum[]): string => sums.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('')
/** What nginx holds, and not the rules. */
const limitLines = ({ bodyLimitBytes, fieldsLimitBytes, onlyFrom }: ContentFacts): string =>
  `body-limit ${bodyLimitBytes}\nfields-limit ${fieldsLimitBytes}\n${onlyFrom.map((cidr) => `only-from ${cidr}\n`).join('')}`

/** What a content address is the hash of. */
export const contentText = (content: ContentFacts): string =>
  `sekisho-content 2\ncrs ${content.release}\nrules ${content.rules}\n${limitLines(content)}${sumLines(content.sums)}`

export const manifestText = (manifest: Manifest): string =>
  [
    'sekisho-manifest 2\n',
    `crs ${manifest.release}\n`,
    `rules ${manifest.rules}\n`,
    `namespace ${manifest.namespace}\n`,
    `sequence ${manifest.sequence}\n`,
    `rollback ${manifest.rollback ? 'yes' : 'no'}\n`,
    limitLines(manifest),
    ...manifest.keys.map((key) => `key ${key}\n`),
    sumLines(manifest.sums),
  ].join('')

const FORM = new RegExp(
  String.raw`^sekisho-manifest 2\ncrs (\d[\d.]*)\nrules ([1-9]\d*)\nnamespace ([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\nsequence ([1-9]\d{0,15})\nrollback (yes|no)\n` +
    String.raw`body-limit (\d+)\nfields-limit (\d+)\n((?:only-from [0-9a-f.:]+/\d{1,3}\n)*)((?:key [A-Za-z0-9+/]{43}=\n)*)((?:[0-9a-f]{64} {2}[A-Za-z0-9][A-Za-z0-9._-]*\n)+)$`,
)

/** Reads the one form that manifestText writes; undefined for anything else. */
export function readManifest(text: string): Manifest | undefined {
  const hit = FORM.exec(text)
  if (hit === null) return undefined
  const lines = (part: string) => part.split('\n').slice(0, -1)
  return {
    release: hit[1]!,
    rules: Number(hit[2]),
    namespace: hit[3]!,
    sequence: Number(hit[4]),
    rollback: hit[5] === 'yes',
    bodyLimitBytes: Number(hit[6]),
    fieldsLimitBytes: Number(hit[7]),
    onlyFrom: lines(hit[8]!).map((line) => line.slice('only-from '.length)),
    keys: lines(hit[9]!).map((line) => line.slice(4)),
    sums: lines(hit[10]!).map((line) => ({ sha256: line.slice(0, 64), name: line.slice(66) })),
  }
}
