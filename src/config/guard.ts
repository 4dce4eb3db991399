/** The configuration file of `sekisho guard`: one schema with its defaults. docs/reference/guard-configuration.md lists the same; a test compares. */
import { z } from 'zod'
import { listener } from './listen.ts'
import { guardSettings } from './webhook.ts'

export const taintSettings = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe('whether nodes whose IDS is not Ready are tainted; without it the gate at the binding still holds'),
  settleSeconds: z
    .int()
    .min(0)
    .max(600)
    .default(10)
    .describe('how long an IDS must be Ready again before the taint of its node is taken off'),
  flaps: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe('after so many losses within `flapMinutes` the time to settle doubles with each further one'),
  flapMinutes: z.int().min(1).max(1440).default(15).describe('see `flaps`'),
  settleLimitSeconds: z.int().min(0).max(3600).default(300).describe('the longest time to settle'),
})

export const lossSettings = z.strictObject({
  notReadyMinutes: z
    .int()
    .min(1)
    .max(1440)
    .default(10)
    .describe('after so long with an IDS Pod that is not Ready, `policy` decides about the taint'),
  notScheduledMinutes: z
    .int()
    .min(1)
    .max(1440)
    .default(5)
    .describe('after so long without an IDS Pod on the node, `policy` decides'),
  policy: z
    .enum(['remove', 'keep'])
    .default('remove')
    .describe(
      'remove: the taint keeps nobody off any more (it becomes PreferNoSchedule), so that Pods of other namespaces do not suffer; the gate at the binding still holds. keep: it stays',
    ),
})

export const guardConfig = z.strictObject({
  health: listener(8080, 'health and metrics (plain HTTP)'),
  lease: z
    .strictObject({
      namespace: z.string().default('sekisho-system').describe('where the Lease of the leader is'),
      name: z.string().default('sekisho-guard').describe('its name'),
    })
    .prefault({}),
  guard: guardSettings.prefault({}).describe('the same as `guard` of the webhook'),
  taint: taintSettings.prefault({}),
  loss: lossSettings.prefault({}),
  events: z
    .strictObject({
      repeatMinutes: z.int().min(1).max(1440).default(60).describe('an Event that still holds is repeated so often'),
    })
    .prefault({}),
})
export type GuardConfig = z.output<typeof guardConfig>
