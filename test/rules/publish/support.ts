/** What the unit tests of this room share: signing keys, a small release, a ConfigMap store in memory. */
import { generateKeyPairSync, sign } from 'node:crypto'
import type { Kept, Parts } from '../../../src/rules/publish/kept.ts'
import type { KeptView } from '../../../src/rules/publish/project.ts'
import type { Signing } from '../../../src/rules/publish/signing-keys.ts'

export function newSigning(ca = 'CA\n'): Signing {
  const pair = generateKeyPairSync('ed25519')
  const raw = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x!, 'base64url').toString('base64')
  return { keys: [raw], ca, id: raw.slice(0, 16), sign: (bytes) => sign(null, bytes, pair.privateKey) }
}

/** As the API server keeps them, without one. */
export function memoryKept(changed: (name: string) => void = () => {}): Kept & { readonly writes: string[] } {
  const views = new Map<string, KeptView>()
  const writes: string[] = []
  const viewOf = (name: string, { data = {}, binaryData = {} }: Parts): KeptView => ({
    name,
    uid: name,
    resourceVersion: String(writes.length),
    labels: {},
    created: 0,
    data,
    binaryData: Object.fromEntries(
      Object.entries(binaryData).map(([key, bytes]) => [key, Buffer.from(bytes).toString('base64')]),
    ),
  })
  return {
    writes,
    get: (name) => views.get(name),
    all: () => [...views.values()],
    write: async (name, change) => {
      const parts = change(views.get(name))
      if (parts === undefined) return
      writes.push(name)
      views.set(name, viewOf(name, parts))
      changed(name)
    },
    delete: async (name) => {
      views.delete(name)
      changed(name)
    },
  }
}
