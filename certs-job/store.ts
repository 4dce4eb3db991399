/**
 * What the loop needs of a cluster, and nothing more. kubernetes.ts is the real one; dry-run.ts keeps writes to itself;
 * tests put one between that ends in the middle.
 */
import type { ConfigurationKind } from './view.ts'

/** A Secret's or ConfigMap's data as text, with what makes a write fail if somebody else wrote in between. */
export interface SecretRead {
  readonly resourceVersion: string
  readonly data: Readonly<Record<string, string>>
}

export interface ConfigurationRead {
  readonly resourceVersion: string
  readonly entries: readonly { readonly name: string; readonly caBundle: string }[]
}

/** Somebody else wrote first: read again and decide again. */
export class Conflict extends Error {
  override readonly name = 'Conflict'
}

export interface Store {
  /** Throws where the Secret does not exist: the manifests carry it empty. */
  readSecret(name: string, signal: AbortSignal): Promise<SecretRead>
  /** Sets these keys (`null` removes one) or throws Conflict if the Secret changed since it was read. */
  writeSecret(
    name: string,
    read: SecretRead,
    data: Readonly<Record<string, string | null>>,
    signal: AbortSignal,
  ): Promise<void>
  /** As readSecret and writeSecret, of a ConfigMap. */
  readConfigMap(name: string, signal: AbortSignal): Promise<SecretRead>
  writeConfigMap(
    name: string,
    read: SecretRead,
    data: Readonly<Record<string, string | null>>,
    signal: AbortSignal,
  ): Promise<void>
  readConfiguration(kind: ConfigurationKind, name: string, signal: AbortSignal): Promise<ConfigurationRead | null>
  /** Sets caBundle of every entry, or throws Conflict if the configuration changed since it was read. */
  writeCaBundle(
    kind: ConfigurationKind,
    name: string,
    read: ConfigurationRead,
    bundle: string,
    signal: AbortSignal,
  ): Promise<void>
  /** The API server's clock at its last answer, ms; null where it sent none. */
  serverTime(): number | null
}
