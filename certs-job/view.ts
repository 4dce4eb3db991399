/**
 * What the job knows, as data. inspect.ts reads it out of PEM, plan.ts decides on it.
 *
 *   Secret sekisho-ca            ca.crt ca.key         the CA that signs
 *                                previous.crt          CAs still trusted, without their keys
 *   Secret sekisho-webhook-tls   tls.crt tls.key       the leaf the webhook serves
 *                                ca.crt                the CA that signed it
 *   webhook configurations       caBundle              = ca.crt + previous.crt, in every entry
 *   Secret sekisho-rules-tls     tls.crt tls.key       the leaf `sekisho rules` serves
 *                                ca.crt                = ca.crt + previous.crt, which it hands to Pods in signed bundles
 *   Secret sekisho-rules-signing current.key next.key  Ed25519; next.pub, previous.pub: public keys; since: when current began
 *   ConfigMap sekisho-rules-public ca.crt keys         the same CAs and the public keys: what the webhook puts into Pods
 */

/** One certificate, read. Times are ms since the epoch. */
export interface CertView {
  readonly pem: string
  /** SHA-256 over the DER, hex. */
  readonly fingerprint: string
  readonly subject: string
  readonly notBefore: number
  readonly notAfter: number
  /** DNS names of the subject alternative name. */
  readonly names: readonly string[]
  readonly isCa: boolean
}

/** What stands in a Secret where a certificate with its key is expected. */
export type CertState =
  | { readonly state: 'missing' }
  | { readonly state: 'unreadable'; readonly why: string }
  | { readonly state: 'read'; readonly cert: CertView; readonly keyMatches: boolean }

/** A signing key as it stands in a Secret; `publicKey` is the raw one in base64. */
export type KeyState =
  | { readonly state: 'missing' }
  | { readonly state: 'unreadable'; readonly why: string }
  | { readonly state: 'read'; readonly publicKey: string }

export interface SigningView {
  readonly current: KeyState
  readonly next: KeyState
  /** What next.pub says. */
  readonly nextPublic: string
  /** Public key of the one before, while it is still told; else empty. */
  readonly previous: string
  /** When `current` became the one that signs, ms since the epoch; null where nothing readable says so. */
  readonly since: number | null
}

/** All that belongs to `sekisho rules`. */
export interface RulesObserved {
  readonly leaf: CertState
  readonly leafIssuer: CertView | null
  /** ca.crt beside that leaf. */
  readonly leafBundle: string
  readonly signing: SigningView
  readonly public: { readonly ca: string; readonly keys: string }
}

export const LEAVES = ['webhook', 'rules'] as const
export type LeafName = (typeof LEAVES)[number]

export const CONFIGURATION_KINDS = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'] as const
export type ConfigurationKind = (typeof CONFIGURATION_KINDS)[number]

export type ConfigurationState =
  | { readonly kind: ConfigurationKind; readonly found: false }
  | {
      readonly kind: ConfigurationKind
      readonly found: true
      /** `caBundle` is PEM text, empty where the field is absent. */
      readonly entries: readonly { readonly name: string; readonly caBundle: string }[]
    }

/** Everything one decision looks at. */
export interface Observed {
  readonly ca: CertState
  readonly previous: readonly CertView[]
  readonly leaf: CertState
  /** Which of the CAs seen anywhere (CA Secret, leaf Secret, caBundles) signed the leaf. */
  readonly leafIssuer: CertView | null
  readonly configurations: readonly ConfigurationState[]
  readonly rules: RulesObserved
}
