/** The configuration file of `sekisho ids`: one schema with its defaults. docs/reference/ids-configuration.md lists the same; a test compares. */
import { z } from 'zod'

const address = z
  .string()
  .refine((text) => text === '' || (URL.canParse(text) && new URL(text).protocol === 'https:'), {
    error: 'must be an https address',
  })

/** What rules from ConfigMaps may use only where the platform says so: it can blind the IDS or write files. */
export const idsPermits = ['pass', 'bypass', 'noalert', 'lua', 'filestore', 'dataset-write'] as const

export const idsRulesSettings = z.strictObject({
  from: z
    .enum(['service', 'archive', 'none'])
    .default('service')
    .describe(
      '`service`: from sekisho-rules, which fetches once for the cluster. `archive`: each node by itself. `none`: the rules of the image and of ConfigMaps alone',
    ),
  service: z
    .strictObject({
      url: address.default('https://sekisho-rules.sekisho-system.svc:443').describe('where sekisho-rules answers'),
      connectTo: z
        .string()
        .default('')
        .describe(
          'ADDRESS:PORT to connect to instead of asking DNS for that name; empty: the cluster address of its Service, asked of the API server',
        ),
      tokenFile: z
        .string()
        .default('/var/run/secrets/sekisho/token')
        .describe('projected token with the audience sekisho-rules'),
      caConfigMap: z
        .strictObject({
          namespace: z.string().default('sekisho-system').describe('where the ConfigMap with its CA is'),
          name: z.string().default('sekisho-rules-public').describe('its name; the key is ca.crt'),
        })
        .prefault({}),
    })
    .prefault({}),
  archive: z
    .strictObject({
      address: address
        .default('https://rules.emergingthreats.net/open/suricata-8.0.6/emerging.rules.tar.gz')
        .describe('a .tar.gz of rule files'),
      sha256: z
        .string()
        .regex(/^([0-9a-f]{64})?$/, 'must be a sha256 in lower-case hexadecimal')
        .default('')
        .describe('of that archive; empty: it is believed for its TLS certificate'),
      caFile: z.string().default('').describe('file with the CA of that server; empty: those of Node'),
    })
    .prefault({}),
  everyMinutes: z.int().min(1).max(10_080).default(60).describe('how often the source is asked, spread over nodes'),
  minimumRules: z
    .int()
    .min(1)
    .default(10_000)
    .describe('a fetched set with fewer active rules is refused; the rules of the image are not measured by it'),
  shrinkPercent: z
    .int()
    .min(0)
    .max(100)
    .default(20)
    .describe('how many per cent of its active rules a new set may lack'),
  maximumAgeHours: z
    .int()
    .min(0)
    .max(8760)
    .default(720)
    .describe('for how long the source need not have confirmed that the rules are the newest; 0: without limit'),
  allow: z
    .array(z.enum(idsPermits))
    .default([])
    .describe('what rules from ConfigMaps may use although it can blind the IDS or write files'),
})

export const idsConfig = z.strictObject({
  runDirectory: z.string().default('/run/suricata').describe('the volume shared with Suricata'),
  stateDirectory: z.string().default('/var/lib/sekisho-ids').describe('the volume of the agent alone'),
  namespace: z.string().default('sekisho-node').describe('of the Lease, the ConfigMaps with rules and the Events'),
  rules: idsRulesSettings.prefault({}),
  canary: z
    .strictObject({
      periodSeconds: z.int().min(5).max(3600).default(60).describe('how often a canary is sent on each interface'),
      answerSeconds: z.int().min(1).max(60).default(5).describe('how long its alert may take'),
      group: z
        .ipv4()
        .default('239.255.83.75')
        .describe('multicast group of the canary (TTL 1); change it only together with the rule'),
      group6: z
        .ipv6()
        .default('ff12::534b')
        .describe('the same on interfaces without an IPv4 address (link-local, hop limit 1)'),
      port: z.int().min(1).max(65535).default(20530).describe('UDP port of the canary'),
    })
    .prefault({}),
  drops: z
    .strictObject({
      budgetPercent: z
        .int()
        .min(1)
        .max(100)
        .default(25)
        .describe('packets of an interface that the kernel may drop in a minute; 100: drops never matter'),
    })
    .prefault({}),
  lease: z
    .strictObject({
      renewSeconds: z
        .int()
        .min(5)
        .max(600)
        .default(60)
        .describe('how often the Lease is renewed where nothing changes; a change is written at once'),
    })
    .prefault({}),
})
export type IdsConfig = z.output<typeof idsConfig>
export type IdsRulesSettings = IdsConfig['rules']
export type IdsPermit = IdsRulesSettings['allow'][number]
