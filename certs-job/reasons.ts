/**
 * Every reason for which the certificate job acts, waits or fails: code → sentence and remedy.
 * docs/reference/certs.md has the same table and a test compares them.
 */

/** Why a certificate is, or is not, made anew. */
export const RENEWAL = {
  Fresh: 'nothing to do',
  Missing: 'the Secret holds no certificate',
  Unreadable: 'the certificate or key in the Secret cannot be read',
  KeyMismatch: 'the key in the Secret does not belong to the certificate',
  NotACa: 'the certificate in the CA Secret may not sign others',
  NotYetValid: 'the certificate begins in the future of the API server’s clock',
  Expired: 'the certificate has ended',
  RenewalDue: 'two thirds of the certificate’s life are over',
  NamesDiffer: 'the leaf does not carry every name of the Service',
  IssuerUnknown: 'no known CA signed the leaf',
  IssuerInvalid: 'the CA that signed the leaf is not valid now',
  IssuerReplaced: 'the CA was replaced and the leaf still comes from the old one',
} as const
export type RenewalReason = keyof typeof RENEWAL

/** Why the job touches webhook configurations, or the list of old CAs, or waits. */
export const TRUST = {
  BundleDiffers: 'an entry’s caBundle is not the one in force (new CA, or reset by another tool)',
  ConfigurationMissing: 'a webhook configuration is not there yet',
  TrustSpreading: 'the new CA has just been published and every API server must have seen it',
  OverlapOver: 'no webhook Pod serves a leaf of the old CA any more',
  RulesTrustDiffers:
    'what `sekisho rules` hands to Pods, or what the webhook puts into them, are not the CAs and keys in force',
  LeafMissing: 'another tool makes the certificates, and that of `sekisho rules` is not there yet',
  AllRight: 'certificates are fresh and every entry trusts them',
} as const
export type TrustReason = keyof typeof TRUST

/** Why the keys that sign rule bundles are changed. */
export const SIGNING = {
  KeyMissing: 'the Secret holds no such key',
  KeyUnreadable: 'the key in the Secret cannot be read, or is not for Ed25519',
  KeyTwice: 'the next key is the current one, so that nothing could follow it',
  KeyRotationDue: 'the current key has signed for `signingDays`: the next takes over and a new next is made',
  KeyNotesDiffer: '`next.pub` or `since` do not belong to the keys beside them',
  KeyOverlapOver: 'no replica signs with the key before any more',
} as const
export type SigningReason = keyof typeof SIGNING

export type Reason = RenewalReason | TrustReason | SigningReason

/** What can end a run: code → what could not be done, and what would do. `%s` stands for the value in question. */
export const FAILURE = {
  NotPermitted: {
    sentence: 'Cannot %s: the API server answers 403.',
    remedy: 'Grant it: the role in manifests/base/certs-rbac.yaml has what the job uses.',
  },
  SecretMissing: {
    sentence: 'Cannot read Secret %s: it does not exist.',
    remedy: 'Apply the manifests again: they carry it empty, so that the job needs no right to create Secrets.',
  },
  ConfigMapMissing: {
    sentence: 'Cannot read ConfigMap %s: it does not exist.',
    remedy: 'Apply the manifests again: they carry it empty, so that the job needs no right to create ConfigMaps.',
  },
  LeafAbsent: {
    sentence: 'Cannot tell Pods whom to believe: Secret %s holds no certificate.',
    remedy: 'See why the tool that makes the certificates did not make it: kubectl -n sekisho-system get certificates.',
  },
  ConfigurationAbsent: {
    sentence: 'Cannot publish the CA: %s does not exist.',
    remedy: 'Apply the manifests again, or uninstall the job too if the gate is not wanted any more.',
  },
  KeepsChanging: {
    sentence: 'Cannot bring the certificates into force: after %s steps something else still changes what was written.',
    remedy:
      'See who writes clientConfig.caBundle: kubectl get mutatingwebhookconfigurations sekisho -o yaml --show-managed-fields.',
  },
  Unreachable: {
    sentence: 'Cannot reach the API server: %s.',
    remedy:
      'Check the kubeconfig, or the NetworkPolicy of the job’s Pod; what was written so far is safe, run it again.',
  },
  ServerFault: {
    sentence: 'Cannot %s.',
    remedy: 'Run it again: every step is safe to repeat.',
  },
} as const
export type FailureCode = keyof typeof FAILURE

/** An error a person reads: the sentence with its value, then the remedy. */
export class CertsError extends Error {
  override readonly name = 'CertsError'
  readonly code: FailureCode
  constructor(code: FailureCode, value: string, options?: ErrorOptions) {
    const { sentence, remedy } = FAILURE[code]
    super(`${sentence.replace('%s', () => value)} ${remedy}`, options)
    this.code = code
  }
}
