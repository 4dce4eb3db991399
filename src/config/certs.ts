/** The configuration file of `sekisho certs`: one schema with its defaults. docs/reference/certs.md lists the same; a test compares. */
import { z } from 'zod'

const name = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be the name of a Kubernetes object such as sekisho-ca')
const dnsName = z
  .string()
  .regex(
    /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    'must be a DNS name such as webhook.example.com',
  )

export const certsConfig = z
  .strictObject({
    namespace: name.default('sekisho-system').describe('namespace of the Secrets and the Service'),
    certificates: z
      .enum(['own', 'elsewhere'])
      .default('own')
      .describe(
        'whether the job makes CA and leaves; `elsewhere` (cert-manager): only signing keys, and what Pods are told',
      ),
    service: name.default('sekisho-webhook').describe('the Service whose names the webhook’s leaf carries'),
    rulesService: name.default('sekisho-rules').describe('the Service whose names the leaf of `sekisho rules` carries'),
    clusterDomain: dnsName.default('cluster.local').describe('DNS domain of the cluster'),
    extraNames: z.array(dnsName).default([]).describe('more DNS names for both leaves'),
    caSecret: name.default('sekisho-ca').describe('Secret with the CA and its key; only the job reads it'),
    leafSecret: name.default('sekisho-webhook-tls').describe('Secret the webhook mounts: tls.crt, tls.key, ca.crt'),
    rulesLeafSecret: name
      .default('sekisho-rules-tls')
      .describe('Secret that `sekisho rules` mounts: tls.crt, tls.key, ca.crt'),
    signingSecret: name
      .default('sekisho-rules-signing')
      .describe('Secret with the keys that sign rule bundles: current.key, next.key, next.pub'),
    publicConfigMap: name
      .default('sekisho-rules-public')
      .describe('ConfigMap with what the webhook puts into Pods: ca.crt, keys'),
    webhookConfigurations: name.default('sekisho').describe('name of both webhook configurations'),
    caDays: z.int().min(1).max(3650).default(365).describe('life of a CA, days; renewed at two thirds'),
    leafDays: z
      .int()
      .min(1)
      .max(398)
      .default(30)
      .describe('life of a leaf, days; renewed at two thirds; at most caDays'),
    backdateSeconds: z
      .int()
      .min(0)
      .max(86_400)
      .default(300)
      .describe('how far in the past certificates begin, for clocks that run late, seconds'),
    publishWaitSeconds: z
      .int()
      .min(0)
      .max(3600)
      .default(30)
      .describe('how long a new CA stands in every caBundle before the leaf is switched to it, seconds'),
    overlapHours: z
      .int()
      .min(1)
      .max(720)
      .default(24)
      .describe(
        'how long the old CA stays in every caBundle after the switch, and an old signing key is still told, hours',
      ),
    rulesTrustHours: z
      .int()
      .min(1)
      .max(720)
      .default(168)
      .describe(
        'how long Pods are told of a new CA, in signed bundles, before `sekisho rules` is switched to it, hours',
      ),
    signingDays: z
      .int()
      .min(1)
      .max(3650)
      .default(180)
      .describe('how long a key signs rule bundles before the next takes over, days'),
    configurationsWaitSeconds: z
      .int()
      .min(0)
      .max(3600)
      .default(300)
      .describe('how long a run waits for webhook configurations that are not there yet, seconds'),
  })
  .refine((config) => config.leafDays <= config.caDays, {
    path: ['leafDays'],
    message: 'must be at most caDays, since no leaf outlives its CA',
  })
export type CertsConfig = z.output<typeof certsConfig>

/** The DNS names a leaf must carry: what API servers, Pods and people call the Service by. */
export const leafNames = (config: CertsConfig, service = config.service): string[] => {
  const { namespace, clusterDomain, extraNames } = config
  const inCluster = `${service}.${namespace}.svc`
  // The first is what the API server asks for; it becomes the subject's common name too.
  return [...new Set([inCluster, `${inCluster}.${clusterDomain}`, `${service}.${namespace}`, service, ...extraNames])]
}
