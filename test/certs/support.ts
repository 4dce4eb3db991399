/** What the tests of certificates share: a clock, a cluster in memory with real conflicts, and certificates of any age. */
import { X509Certificate } from 'node:crypto'
import { issuerOf, readBundle } from '../../certs-job/inspect.ts'
import { type Issued, type Issuer, issueCa, issueLeaf } from '../../certs-job/issue.ts'
import { makeSigningKey } from '../../certs-job/signing-keys.ts'
import { type ConfigurationRead, Conflict, type SecretRead, type Store } from '../../certs-job/store.ts'
import type { CertState, CertView, ConfigurationKind } from '../../certs-job/view.ts'
import { type CertsConfig, certsConfig, leafNames } from '../../src/config/certs.ts'

export const DAY = 86_400_000
export const NOW = Date.parse('2026-06-01T12:00:00Z')
export const config = (given: object = {}): CertsConfig => certsConfig.parse(given)

/** A certificate that exists only as data: decisions look at nothing else. */
export const certView = (given: Partial<CertView> & { fingerprint: string }): CertView => ({
  pem: `-----BEGIN CERTIFICATE-----\n${given.fingerprint}\n-----END CERTIFICATE-----\n`,
  subject: `CN=${given.fingerprint}`,
  notBefore: NOW - DAY,
  notAfter: NOW + 29 * DAY,
  names: [],
  isCa: false,
  ...given,
})
export const held = (cert: CertView, keyMatches = true): CertState => ({ state: 'read', cert, keyMatches })

/** A clock that only moves when somebody sleeps, or when the test says so. */
export class Clock {
  wall: number
  elapsed = 0
  constructor(wall = NOW) {
    this.wall = wall
  }
  advance(ms: number): void {
    this.wall += ms
    this.elapsed += ms
  }
}

export const surroundings = (clock: Clock, progress: (line: string) => void = () => {}) => ({
  wallClock: () => clock.wall,
  monotonic: () => clock.elapsed,
  sleep: async (ms: number) => clock.advance(ms),
  progress,
  signal: new AbortController().signal,
})

/** Secrets and configurations in memory; writes need the version that was read, as in Kubernetes. */
export class MemoryStore implements Store {
  version = 1
  readonly secrets = new Map<string, SecretRead>()
  readonly configMaps = new Map<string, SecretRead>()
  readonly configurations = new Map<ConfigurationKind, ConfigurationRead>()
  /** Called after each write has happened: the place to look at what an API server would see. */
  onWrite: (what: string) => void = () => {}
  readonly clock: Clock
  constructor(clock: Clock, { entries = ['a.sekisho.dev', 'b.sekisho.dev'] }: { entries?: string[] | null } = {}) {
    this.clock = clock
    for (const name of ['sekisho-ca', 'sekisho-webhook-tls', 'sekisho-rules-tls', 'sekisho-rules-signing'])
      this.secrets.set(name, { resourceVersion: String(this.version++), data: {} })
    this.configMaps.set('sekisho-rules-public', { resourceVersion: String(this.version++), data: {} })
    if (entries) this.install(entries)
  }
  install(entries: string[]): void {
    for (const kind of ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'] as const)
      this.configurations.set(kind, {
        resourceVersion: String(this.version++),
        entries: entries.map((name) => ({ name, caBundle: '' })),
      })
  }
  /** What a GitOps tool does: the field is gone. */
  resetBundles(kind: ConfigurationKind): void {
    const { entries } = this.configurations.get(kind)!
    this.configurations.set(kind, {
      resourceVersion: String(this.version++),
      entries: entries.map(({ name }) => ({ name, caBundle: '' })),
    })
  }
  bundles(): string[] {
    return [...this.configurations.values()].flatMap(({ entries }) => entries.map(({ caBundle }) => caBundle))
  }
  secret(name: string): Readonly<Record<string, string>> {
    return this.secrets.get(name)!.data
  }
  setSecret(name: string, data: Record<string, string>): void {
    this.secrets.set(name, { resourceVersion: String(this.version++), data })
  }
  async readSecret(name: string): Promise<SecretRead> {
    return this.secrets.get(name)!
  }
  async writeSecret(name: string, read: SecretRead, data: Readonly<Record<string, string | null>>): Promise<void> {
    const now = this.secrets.get(name)!
    if (now.resourceVersion !== read.resourceVersion) throw new Conflict(name)
    const merged = Object.entries({ ...now.data, ...data }).filter((each): each is [string, string] => each[1] !== null)
    this.setSecret(name, Object.fromEntries(merged))
    this.onWrite(`secret ${name}`)
  }
  /** What new Pods are told. */
  told(): Readonly<Record<string, string>> {
    return this.configMaps.get('sekisho-rules-public')!.data
  }
  async readConfigMap(name: string): Promise<SecretRead> {
    return this.configMaps.get(name)!
  }
  async writeConfigMap(name: string, read: SecretRead, data: Readonly<Record<string, string | null>>): Promise<void> {
    const now = this.configMaps.get(name)!
    if (now.resourceVersion !== read.resourceVersion) throw new Conflict(name)
    const merged = Object.entries({ ...now.data, ...data }).filter((each): each is [string, string] => each[1] !== null)
    this.configMaps.set(name, { resourceVersion: String(this.version++), data: Object.fromEntries(merged) })
    this.onWrite(`configmap ${name}`)
  }
  async readConfiguration(kind: ConfigurationKind): Promise<ConfigurationRead | null> {
    return this.configurations.get(kind) ?? null
  }
  async writeCaBundle(kind: ConfigurationKind, _name: string, read: ConfigurationRead, bundle: string): Promise<void> {
    if (this.configurations.get(kind)!.resourceVersion !== read.resourceVersion) throw new Conflict(kind)
    const entries = read.entries.map(({ name }) => ({ name, caBundle: bundle }))
    this.configurations.set(kind, { resourceVersion: String(this.version++), entries })
    this.onWrite(`bundle ${kind}`)
  }
  serverTime(): number {
    return this.clock.wall
  }
}

const NAMES = leafNames(config())
const RULES_NAMES = leafNames(config(), 'sekisho-rules')
const issued = new Map<string, Promise<{ ca: Issued; leaf: Issued; rules: Issued }>>()

/** Making keys is what takes time here, so certificates of one age are made once. */
const issuedAt = (caFrom: number, leafFrom: number): Promise<{ ca: Issued; leaf: Issued; rules: Issued }> => {
  const key = `${caFrom} ${leafFrom}`
  const make = async () => {
    const ca = await issueCa({ now: caFrom, days: 365, backdateMs: 300_000 })
    const lifetime = { now: leafFrom, days: 30, backdateMs: 300_000 }
    const signer = { ...ca, notAfter: caFrom + 365 * DAY }
    const [leaf, rules] = await Promise.all([NAMES, RULES_NAMES].map((names) => issueLeaf(signer, names, lifetime)))
    return { ca, leaf: leaf!, rules: rules! }
  }
  if (!issued.has(key)) issued.set(key, make())
  return issued.get(key)!
}

const pool: Promise<Issued>[] = []
const leaves = new Map<string, Promise<Issued>>()

/** Real certificates of NOW, the first CA asked for being always the same, and the second another: for tests that make many. */
export const readyMade = (): Issuer => {
  let asked = 0
  return {
    issueCa: () => {
      pool[asked] ??= issueCa({ now: NOW, days: 365, backdateMs: 300_000 })
      return pool[asked++]!
    },
    issueLeaf: (ca, names) => {
      const key = `${names[0]} ${ca.certPem}`
      const made = leaves.get(key) ?? issueLeaf(ca, names, { now: NOW, days: 30, backdateMs: 300_000 })
      leaves.set(key, made)
      return made
    },
  }
}

/** Signing keys as an earlier run would have left them, and the ConfigMap that tells them. */
export const holdingKeys = async (store: MemoryStore, age: number): Promise<void> => {
  const [current, next] = await Promise.all([makeSigningKey(), makeSigningKey()])
  store.setSecret('sekisho-rules-signing', {
    'current.key': current.pem,
    'next.key': next.pem,
    'next.pub': `${next.publicKey}\n`,
    since: new Date(store.clock.wall - age).toISOString(),
  })
  const told = store.configMaps.get('sekisho-rules-public')!
  await store.writeConfigMap('sekisho-rules-public', told, {
    'ca.crt': store.secret('sekisho-rules-tls')['ca.crt'] ?? '',
    keys: `${current.publicKey}\n${next.publicKey}\n`,
  })
}

/** Real certificates as an earlier run would have left them. */
export const installed = async (
  store: MemoryStore,
  { caAge, leafAge }: { caAge: number; leafAge: number },
): Promise<{ ca: CertView; leaf: CertView }> => {
  const { ca, leaf, rules } = await issuedAt(store.clock.wall - caAge, store.clock.wall - leafAge)
  store.setSecret('sekisho-ca', { 'ca.crt': ca.certPem, 'ca.key': ca.keyPem })
  store.setSecret('sekisho-webhook-tls', { 'tls.crt': leaf.certPem, 'tls.key': leaf.keyPem, 'ca.crt': ca.certPem })
  store.setSecret('sekisho-rules-tls', { 'tls.crt': rules.certPem, 'tls.key': rules.keyPem, 'ca.crt': ca.certPem })
  await holdingKeys(store, leafAge)
  for (const [kind, read] of store.configurations) await store.writeCaBundle(kind, 'sekisho', read, ca.certPem)
  return { ca: readBundle(ca.certPem)[0]!, leaf: readBundle(leaf.certPem)[0]! }
}

export const trusts = (bundle: string, leafPem: string): boolean =>
  issuerOf(readBundle(leafPem)[0]!, readBundle(bundle)) !== null
export const leafOf = (store: MemoryStore, secret = 'sekisho-webhook-tls'): string =>
  store.secret(secret)['tls.crt'] ?? ''

/** Who is told whom to believe: API servers by every caBundle, new Pods and old ones by what stands for them. */
const PARTS: readonly { readonly secret: string; readonly told: (store: MemoryStore) => string[] }[] = [
  { secret: 'sekisho-webhook-tls', told: (store) => store.bundles() },
  {
    secret: 'sekisho-rules-tls',
    told: (store) => [store.told()['ca.crt'] ?? '', store.secret('sekisho-rules-tls')['ca.crt'] ?? ''],
  },
]

/**
 * Watches every write; says how often a leaf that a Pod may still serve was not trusted by somebody. `switches` are those of the
 * webhook's leaf, `rulesSwitches` those of the leaf of `sekisho rules`.
 */
export const watchTrust = (store: MemoryStore): { gaps: string[]; switches: number; rulesSwitches: number } => {
  const seen = { gaps: [] as string[], switches: 0, rulesSwitches: 0 }
  // kubelets bring a changed Secret into Pods within minutes: for an hour the leaf before counts as served too.
  const served = PARTS.map(({ secret }) => [{ pem: leafOf(store, secret), until: Number.POSITIVE_INFINITY }])
  store.onWrite = (what) => {
    for (const [i, { secret, told }] of PARTS.entries()) {
      const list = served[i]!
      const pem = leafOf(store, secret)
      if (list.at(-1)?.pem !== pem) {
        list.at(-1)!.until = store.clock.wall + 3_600_000
        list.push({ pem, until: Number.POSITIVE_INFINITY })
        if (i === 0) seen.switches += 1
        else seen.rulesSwitches += 1
      }
      for (const each of list.filter(({ until, pem: one }) => until > store.clock.wall && one !== ''))
        if (!told(store).every((bundle) => trusts(bundle, each.pem)))
          seen.gaps.push(`after ${what}: ${secret} by ${new X509Certificate(each.pem).issuer} is not trusted by all`)
    }
  }
  return seen
}
