/**
 * A Store that reads the cluster and keeps writes to itself, so that `--dry-run` can tell the whole row of steps, each
 * decided on what the one before would have left.
 */
import type { ConfigurationRead, SecretRead, Store } from './store.ts'

/** Wraps `store`; nothing is written to it. */
export const withoutWriting = (store: Store): Store => {
  const secrets = new Map<string, SecretRead>()
  const configMaps = new Map<string, SecretRead>()
  const configurations = new Map<string, ConfigurationRead>()
  const into =
    (held: Map<string, SecretRead>): Store['writeSecret'] =>
    async (name, read, data) => {
      const merged = Object.entries({ ...read.data, ...data }).filter(
        (entry): entry is [string, string] => entry[1] !== null,
      )
      held.set(name, { ...read, data: Object.fromEntries(merged) })
    }
  return {
    readSecret: async (name, signal) => secrets.get(name) ?? store.readSecret(name, signal),
    writeSecret: into(secrets),
    readConfigMap: async (name, signal) => configMaps.get(name) ?? store.readConfigMap(name, signal),
    writeConfigMap: into(configMaps),
    readConfiguration: async (kind, name, signal) =>
      configurations.get(kind) ?? store.readConfiguration(kind, name, signal),
    writeCaBundle: async (kind, _name, read, bundle) => {
      configurations.set(kind, { ...read, entries: read.entries.map(({ name }) => ({ name, caBundle: bundle })) })
    },
    serverTime: () => store.serverTime(),
  }
}
