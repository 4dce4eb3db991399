/**
 * The configuration file of `sekisho rules`: one schema with its defaults. docs/reference/rules-configuration.md lists the same, rule-sources.md
 * explains the part about sources; tests compare.
 */
import { z } from 'zod'
import { listener, tlsSettings } from './listen.ts'

const https = z.string().refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
  error: 'must be an https address',
})
/** Nothing, or what fits: a default must be possible. */
const orNothing = (part: z.ZodString, must: string) =>
  z.string().refine((text) => text === '' || part.safeParse(text).success, { error: must })
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be a sha256 in lower-case hexadecimal')
const fingerprint = z.string().refine((text) => /^([0-9A-F]{40}|[0-9A-F]{64})$/i.test(text.replace(/[\s:]/g, '')), {
  error: 'must be the fingerprint of an OpenPGP key: 40 or 64 hexadecimal digits',
})
const MiB = 1024 * 1024

const configMap = (what: string) =>
  z
    .strictObject({
      namespace: z.string().default('sekisho-system').describe(`where the ConfigMap with ${what} is`),
      name: z.string().default('').describe(`its name, for \`from: configmap\``),
    })
    .prefault({})
const archive = (what: string, address: string) =>
  z
    .strictObject({
      address: orNothing(https, 'must be an https address')
        .default(address)
        .describe(
          `address of a .tar.gz with ${what}, for \`from: archive\`; \`{version}\` and \`{token}\` are filled in`,
        ),
      signatureAddress: orNothing(https, 'must be an https address')
        .default('')
        .describe('address of its OpenPGP signature; without one, the address with `.asc` after it'),
      tokenFile: z.string().default('').describe('file with the token for `{token}`, or to be sent as a bearer token'),
    })
    .prefault({})
const directory = (what: string) =>
  z
    .strictObject({ path: z.string().default('').describe(`directory with ${what}, for \`from: directory\``) })
    .prefault({})
const keyFile = z.string().default('').describe('file with public keys, as armoured OpenPGP text')
const pinned = orNothing(sha256, 'must be a sha256 in lower-case hexadecimal')
  .default('')
  .describe('sha256 of the archive, or the content address of unpacked rules, for `verify: sha256`')

const crs = z.strictObject({
  from: z
    .enum(['github', 'archive', 'directory', 'configmap'])
    .default('github')
    .describe('where releases of the CRS come from'),
  line: z
    .string()
    .regex(
      /^(lts|latest|4\.(0|[1-9]\d{0,4})(\.(0|[1-9]\d{0,4}))?)$/,
      'must be lts, latest, a line such as 4.25, or a version such as 4.25.1',
    )
    .default('lts')
    .describe('lts (4.25.x), latest (4.x), a line such as 4.25, or one version such as 4.25.1'),
  verify: z
    .enum(['signature', 'sha256', 'none'])
    .default('signature')
    .describe('why a release is believed; `none` only from a directory or ConfigMap'),
  keyFile,
  fingerprints: z
    .array(fingerprint)
    .min(1)
    .default(['3600 6F0E 0BA1 6783 2158 8211 38EE ACA1 AB8A 6E72'])
    .describe('fingerprints of the keys that may sign'),
  sha256: pinned,
  github: z
    .strictObject({
      api: https.default('https://api.github.com').describe("address of GitHub's API, or of a mirror of it"),
      downloads: https.default('https://github.com').describe('address before OWNER/NAME/releases/download'),
      repository: z
        .string()
        .regex(/^[A-Za-z0-9._-]+\/[A-Za-z0-9._-]+$/, 'must be OWNER/NAME')
        .default('coreruleset/coreruleset')
        .describe('whose releases'),
      asset: z
        .string()
        .regex(/^[A-Za-z0-9._-]*\{version\}[A-Za-z0-9._-]*$/, 'must be a file name with {version} in it')
        .default('coreruleset-{version}-minimal.tar.gz')
        .describe('name of the archive'),
      tokenFile: z.string().default('').describe('file with a token for the API, for its higher rate limit'),
    })
    .prefault({}),
  archive: archive('the CRS', ''),
  directory: directory('the CRS, packed or unpacked'),
  configMap: configMap('the CRS'),
})

const ids = z.strictObject({
  from: z
    .enum(['none', 'archive', 'directory', 'configmap'])
    .default('none')
    .describe('where IDS rules come from; none leaves them to the IDS image'),
  verify: z
    .enum(['signature', 'sha256', 'none'])
    .default('none')
    .describe('why they are believed beside TLS; ET Open signs nothing'),
  keyFile,
  fingerprints: z.array(fingerprint).default([]).describe('fingerprints of the keys that may sign'),
  sha256: pinned,
  minimumRules: z.int().min(1).default(10_000).describe('fewer active rules than this are refused'),
  shrinkPercent: z.int().min(0).max(100).default(20).describe('how many per cent of its rules a new set may lack'),
  archive: archive('IDS rules', 'https://rules.emergingthreats.net/open/suricata-8.0.6/emerging.rules.tar.gz'),
  directory: directory('IDS rules'),
  configMap: configMap('IDS rules'),
})

/** Others' servers are not asked more often. */
const isTooOften = ({ from, github }: z.output<typeof crs>, everyMinutes: number): boolean =>
  everyMinutes < 5 && from === 'github' && new URL(github.api).hostname === 'api.github.com'

/** What contradicts itself, at the key to change. */
const contradictions = (
  value: { crs: z.output<typeof crs>; ids: z.output<typeof ids> },
  everyMinutes: number,
  context: z.RefinementCtx,
): void => {
  const wrong = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
  if (isTooOften(value.crs, everyMinutes)) wrong(['everyMinutes'], 'must be at least 5 for GitHub')
  for (const [name, part] of Object.entries(value)) {
    const { from, verify } = part
    if (from === 'none') continue
    const remote = from === 'archive' || from === ('github' as string)
    if (name === 'crs' && remote && verify === 'none')
      wrong([name, 'verify'], 'must be signature or sha256 for what comes over the network')
    if (verify === 'sha256' && part.sha256 === '')
      wrong([name, 'sha256'], `must be given for \`${name}.verify: sha256\``)
    if (verify === 'signature' && part.fingerprints.length === 0)
      wrong([name, 'fingerprints'], `must name a key for \`${name}.verify: signature\``)
    if (from === 'archive' && part.archive.address === '')
      wrong([name, 'archive', 'address'], `must be given for \`${name}.from: archive\``)
    if (from === 'directory' && part.directory.path === '')
      wrong([name, 'directory', 'path'], `must be given for \`${name}.from: directory\``)
    if (from === 'configmap' && part.configMap.name === '')
      wrong([name, 'configMap', 'name'], `must be given for \`${name}.from: configmap\``)
  }
}

export const sourcesSettings = z
  .strictObject({
    everyMinutes: z
      .number()
      .min(0.02)
      .max(10_080)
      .default(60)
      .describe('how often sources are asked, GitHub at most every 5; a question without news is one small request'),
    http: z
      .strictObject({
        timeoutSeconds: z
          .int()
          .min(1)
          .max(3600)
          .default(120)
          .describe('longest time for one answer, redirects and body included'),
        caFile: z
          .string()
          .default('')
          .describe("certificates (PEM) of further CAs, for a mirror or a proxy of one's own"),
        plainOnLoopback: z
          .boolean()
          .default(false)
          .describe('whether http is allowed to loopback addresses, for a mirror in the same Pod'),
      })
      .prefault({}),
    limits: z
      .strictObject({
        downloadBytes: z
          .int()
          .min(1024)
          .default(32 * MiB)
          .describe('largest archive fetched'),
        unpackedBytes: z
          .int()
          .min(1024)
          .default(128 * MiB)
          .describe('largest sum of what an archive unpacks to'),
        ratio: z.int().min(2).max(1000).default(50).describe('most unpacked bytes for each packed one'),
        entries: z.int().min(1).default(2000).describe('most files and folders in an archive'),
        pathBytes: z.int().min(16).max(4096).default(200).describe('longest path in an archive'),
      })
      .prefault({}),
    crs: crs.prefault({}),
    ids: ids.prefault({}),
  })
  .superRefine(({ everyMinutes, crs, ids }, context) => contradictions({ crs, ids }, everyMinutes, context))
export type SourcesSettings = z.output<typeof sourcesSettings>

const share = z.number().min(0.1).max(100)

/** What tenants cannot cross. */
export const policySettings = z.strictObject({
  lowestMode: z
    .enum(['detect', 'block'])
    .default('detect')
    .describe('the lowest mode a WafPolicy may choose; give the webhook the same as `inject.lowestMode`'),
  paranoiaLevel: z.int().min(1).max(4).default(1).describe('the paranoia level where no WafPolicy says one'),
  allowedMethods: z
    .array(z.string().regex(/^[A-Z]+$/, 'must be an HTTP method in capitals'))
    .min(1)
    .default(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE'])
    .describe('HTTP methods let through where no WafPolicy says which'),
  bodyLimitBytes: z
    .int()
    .min(1024)
    .max(1 << 30)
    .default(13_107_200)
    .describe('largest request body; a WafPolicy may only lower it'),
  fieldsLimitBytes: z
    .int()
    .min(1024)
    .max(1 << 30)
    .default(1_048_576)
    .describe('largest request body without its uploaded files'),
  exclusions: z
    .strictObject({
      tags: z.boolean().default(false).describe('whether a WafPolicy may exclude by tag'),
      wholeRules: z
        .boolean()
        .default(false)
        .describe('whether a WafPolicy may take a whole rule out on a path, without naming a parameter'),
      most: z.int().min(0).max(1000).default(100).describe('most exclusions in one WafPolicy'),
    })
    .prefault({}),
  breakGlassHours: z
    .int()
    .min(0)
    .max(720)
    .default(24)
    .describe('the longest time `spec.breakGlass` may be set for; 0 forbids it'),
})
export type PolicySettings = z.output<typeof policySettings>

export const rolloutSettings = z.strictObject({
  canaryNamespaces: z.array(z.string()).default([]).describe('namespaces that get a new release first, whole'),
  stages: z
    .array(share)
    .min(1)
    .max(10)
    .default([5, 25, 100])
    .describe('shares of the Pods, per cent, rising, the last 100')
    .refine((list) => list.at(-1) === 100 && list.every((one, i) => i === 0 || one > list[i - 1]!), {
      error: 'must rise and end with 100',
    }),
  soakMinutes: z
    .number()
    .min(0.05)
    .max(10_080)
    .default(60)
    .describe('how long a stage is watched before the next begins'),
  failingShare: z
    .number()
    .min(1)
    .max(100)
    .default(20)
    .describe('per cent of a stage whose engines refuse the release, from which it is taken back'),
  failingNamespaces: z
    .int()
    .min(1)
    .default(2)
    .describe('so many namespaces whose engines refuse the release, and it is taken back'),
  keepReleases: z.int().min(2).max(10).default(3).describe('how many verified releases are kept'),
})
export type RolloutSettings = z.output<typeof rolloutSettings>

export const pollSettings = z.strictObject({
  pollsPerSecond: z.int().min(1).max(10_000).default(100).describe('polls a second that one replica may be asked for'),
  lowestSeconds: z.int().min(1).max(120).default(5).describe('shortest interval between two polls of a Pod'),
  highestSeconds: z.int().min(5).max(3600).default(120).describe('longest interval'),
})
export type PollSettings = z.output<typeof pollSettings>

export const rulesConfig = z.strictObject({
  namespace: z
    .string()
    .default('sekisho-system')
    .describe('where its state, its Lease and the ConfigMaps of kept releases are'),
  listen: listener(8444, 'the update protocol (TLS)'),
  health: listener(8080, 'health and metrics (plain HTTP)'),
  tls: tlsSettings,
  signing: z
    .strictObject({
      directory: z
        .string()
        .default('/etc/sekisho/signing')
        .describe('where current.key is (Ed25519, PEM), and next.pub, the raw public key of the next one in base64'),
    })
    .prefault({}),
  bench: z
    .strictObject({
      directory: z
        .string()
        .default('/run/sekisho')
        .describe('the volume shared with the WAF container that serves as the bench'),
      address: z.string().default('127.0.0.1:15080').describe('where that WAF listens'),
      upstreamPort: z.int().min(0).max(65535).default(18080).describe('port on 127.0.0.1 to which it passes requests'),
      timeoutSeconds: z.int().min(5).max(3600).default(120).describe('longest time for one trial'),
    })
    .prefault({}),
  poll: pollSettings.prefault({}),
  policy: policySettings.prefault({}),
  rollout: rolloutSettings.prefault({}),
  sources: sourcesSettings.prefault({}),
})
export type RulesConfig = z.output<typeof rulesConfig>
