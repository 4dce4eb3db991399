/**
 * The loop: look, decide one step, do it, look again, until nothing is left to do. All decisions are plan.ts; here are
 * only the reads, the writes and the waiting. Two jobs at once are harmless: every write carries the resourceVersion of
 * what was decided upon, and who loses reads again.
 */
import { type CertsConfig, leafNames } from '../src/config/certs.ts'
import { issuerOf, readBundle, readPair } from './inspect.ts'
import { type Issued, type Issuer, issueCa, issueLeaf } from './issue.ts'
import { bundleOf, isPublished, plan, type Step } from './plan.ts'
import { CertsError } from './reasons.ts'
import { keysText } from './signing.ts'
import { readSigning, signingData } from './signing-keys.ts'
import { type ConfigurationRead, Conflict, type SecretRead, type Store } from './store.ts'
import { type CertView, CONFIGURATION_KINDS, type ConfigurationKind, type Observed } from './view.ts'

/** Time and progress, handed in: tests move the clock. */
export interface Surroundings {
  /** This machine's wall clock, ms. Used where the API server tells no time, and to notice that they differ. */
  readonly wallClock: () => number
  /** A clock that never jumps, ms. */
  readonly monotonic: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  readonly progress: (line: string) => void
  readonly signal: AbortSignal
  /** What makes certificates, which is what takes time here. @default issue.ts */
  readonly issuer?: Issuer
}

export interface Outcome {
  /** What was changed, in order. Empty when all was right. */
  readonly steps: readonly { readonly do: Step['do']; readonly reason: string; readonly detail: string }[]
  readonly ca: CertView | null
  readonly leaf: CertView | null
  readonly rulesLeaf: CertView | null
  /** Public keys that Pods are told: the current, the next, and for a day the one before. */
  readonly keys: readonly string[]
  readonly previous: readonly CertView[]
  readonly nextAt: number
}

interface Look {
  readonly observed: Observed
  readonly caSecret: SecretRead
  readonly leafSecret: SecretRead
  readonly rulesLeafSecret: SecretRead
  readonly signingSecret: SecretRead
  readonly publicConfigMap: SecretRead
  readonly configurations: ReadonlyMap<ConfigurationKind, ConfigurationRead>
  readonly now: number
}

/** A rotation takes twelve steps and a first install seven; the rest is room for lost races. */
const MAX_STEPS = 40
const POLL_MS = 2_000
const CONFLICT_PAUSE_MS = 200
/** Clocks that differ by more are worth a line: something else will break too. */
const SKEW_TOLD_MS = 60_000

const NOTHING: SecretRead = { resourceVersion: '', data: {} }

/** Where another tool makes it, it may come later than we do. */
const rulesLeafOf = async (store: Store, config: CertsConfig, signal: AbortSignal): Promise<SecretRead> => {
  try {
    return await store.readSecret(config.rulesLeafSecret, signal)
  } catch (error) {
    if (config.certificates === 'elsewhere' && error instanceof CertsError && error.code === 'SecretMissing')
      return NOTHING
    throw error
  }
}

const look = async (store: Store, config: CertsConfig, { wallClock, signal }: Surroundings): Promise<Look> => {
  // The CA last, what is written after it first: if another job moves on in between, our write of a bundle or leaf that
  // no longer fits meets a newer resourceVersion and fails. The other way round it would undo what the other job did.
  const configurations = new Map<ConfigurationKind, ConfigurationRead>()
  const own = config.certificates === 'own'
  for (const kind of own ? CONFIGURATION_KINDS : []) {
    const read = await store.readConfiguration(kind, config.webhookConfigurations, signal)
    if (read) configurations.set(kind, read)
  }
  const publicConfigMap = await store.readConfigMap(config.publicConfigMap, signal)
  const rulesLeafSecret = await rulesLeafOf(store, config, signal)
  const signingSecret = await store.readSecret(config.signingSecret, signal)
  const leafSecret = own ? await store.readSecret(config.leafSecret, signal) : NOTHING
  const caSecret = own ? await store.readSecret(config.caSecret, signal) : NOTHING
  const ca = readPair(caSecret.data['ca.crt'] ?? '', caSecret.data['ca.key'] ?? '')
  const previous = readBundle(caSecret.data['previous.crt'] ?? '').filter(({ isCa }) => isCa)
  const leaf = readPair(leafSecret.data['tls.crt'] ?? '', leafSecret.data['tls.key'] ?? '')
  const rulesLeaf = readPair(rulesLeafSecret.data['tls.crt'] ?? '', rulesLeafSecret.data['tls.key'] ?? '')
  const bundles = [...configurations.values()].flatMap(({ entries }) => entries.map(({ caBundle }) => caBundle))
  const known = [
    ...(ca.state === 'read' ? [ca.cert] : []),
    ...previous,
    ...readBundle(
      [leafSecret.data['ca.crt'] ?? '', rulesLeafSecret.data['ca.crt'] ?? '', ...new Set(bundles)].join('\n'),
    ),
  ]
  return {
    caSecret,
    leafSecret,
    rulesLeafSecret,
    signingSecret,
    publicConfigMap,
    configurations,
    now: store.serverTime() ?? wallClock(),
    observed: {
      ca,
      previous,
      leaf,
      leafIssuer: leaf.state === 'read' ? issuerOf(leaf.cert, known) : null,
      configurations: CONFIGURATION_KINDS.map((kind) => {
        const read = configurations.get(kind)
        return read ? { kind, found: true, entries: read.entries } : { kind, found: false }
      }),
      rules: {
        leaf: rulesLeaf,
        leafIssuer: rulesLeaf.state === 'read' ? issuerOf(rulesLeaf.cert, known) : null,
        leafBundle: rulesLeafSecret.data['ca.crt'] ?? '',
        signing: readSigning(signingSecret.data),
        public: { ca: publicConfigMap.data['ca.crt'] ?? '', keys: publicConfigMap.data['keys'] ?? '' },
      },
    },
  }
}

const signerOf = ({ observed, caSecret }: Look): Issued & { notAfter: number } => {
  if (observed.ca.state !== 'read') throw new Error('a leaf was planned without a CA')
  const { pem, notAfter } = observed.ca.cert
  return { certPem: pem, keyPem: caSecret.data['ca.key'] ?? '', notAfter }
}

const act = async (step: Step, seen: Look, store: Store, config: CertsConfig, around: Surroundings): Promise<void> => {
  const { signal, issuer = { issueCa, issueLeaf } } = around
  const lifetime = { now: seen.now, backdateMs: config.backdateSeconds * 1000 }
  switch (step.do) {
    case 'make-ca': {
      const { certPem, keyPem } = await issuer.issueCa({ ...lifetime, days: config.caDays })
      const previous = step.previous.map(({ pem }) => pem).join('') || null
      await store.writeSecret(
        config.caSecret,
        seen.caSecret,
        { 'ca.crt': certPem, 'ca.key': keyPem, 'previous.crt': previous },
        signal,
      )
      return
    }
    case 'make-signing-keys': {
      const { signingSecret } = seen
      const data = await signingData(step.change, signingSecret.data)
      await store.writeSecret(config.signingSecret, signingSecret, data, signal)
      return
    }
    case 'issue-leaf': {
      const signer = signerOf(seen)
      const forRules = step.leaf === 'rules'
      const names = leafNames(config, forRules ? config.rulesService : config.service)
      const { certPem, keyPem } = await issuer.issueLeaf(signer, names, { ...lifetime, days: config.leafDays })
      const pair = { 'tls.crt': certPem, 'tls.key': keyPem }
      if (forRules) {
        const caPem = bundleOf(readBundle(signer.certPem)[0]!, seen.observed.previous)
        await store.writeSecret(config.rulesLeafSecret, seen.rulesLeafSecret, { ...pair, 'ca.crt': caPem }, signal)
      } else await store.writeSecret(config.leafSecret, seen.leafSecret, { ...pair, 'ca.crt': signer.certPem }, signal)
      return
    }
    case 'tell-rules': {
      const data = { 'ca.crt': step.bundle }
      if (step.where === 'Secret') await store.writeSecret(config.rulesLeafSecret, seen.rulesLeafSecret, data, signal)
      else {
        const { publicConfigMap } = seen
        await store.writeConfigMap(config.publicConfigMap, publicConfigMap, { ...data, keys: step.keys }, signal)
      }
      return
    }
    case 'publish': {
      const read = seen.configurations.get(step.kind)
      if (read) await store.writeCaBundle(step.kind, config.webhookConfigurations, read, step.bundle, signal)
      return
    }
    case 'drop-previous':
      await store.writeSecret(
        config.caSecret,
        seen.caSecret,
        { 'previous.crt': step.previous.map(({ pem }) => pem).join('') || null },
        signal,
      )
      return
    case 'await-leaf':
    case 'await-configuration':
    case 'await-trust':
    case 'nothing':
  }
}

/** Keeps count of how long the bundle has been in force, as seen by this run alone. */
const trustTimer = (monotonic: () => number) => {
  let since: number | null = null
  return (observed: Observed): number => {
    const { ca } = observed
    if (ca.state !== 'read' || !isPublished(observed, bundleOf(ca.cert, observed.previous))) since = null
    else since ??= monotonic()
    return since === null ? 0 : monotonic() - since
  }
}

/** Brings certificates and caBundles into force. Resolves when nothing is left to do. */
export const ensure = async (store: Store, config: CertsConfig, around: Surroundings): Promise<Outcome> => {
  const { progress, signal, sleep, monotonic } = around
  const wanted = {
    certificates: config.certificates,
    names: { webhook: leafNames(config), rules: leafNames(config, config.rulesService) },
    backdateMs: config.backdateSeconds * 1000,
    publishWaitMs: config.publishWaitSeconds * 1000,
    overlapMs: config.overlapHours * 3_600_000,
    rulesTrustMs: config.rulesTrustHours * 3_600_000,
    signingMs: config.signingDays * 86_400_000,
  }
  const trustedFor = trustTimer(monotonic)
  const steps: { do: Step['do']; reason: string; detail: string }[] = []
  const started = monotonic()
  let told = ''
  const tell = (line: string): void => {
    if (line !== told) progress(line)
    told = line
  }

  for (let turns = 0; turns < MAX_STEPS; ) {
    signal.throwIfAborted()
    const seen = await look(store, config, around)
    const skew = Math.round(Math.abs(seen.now - around.wallClock()) / 1000) * 1000
    if (skew > SKEW_TOLD_MS && turns === 0)
      progress(`this machine’s clock and the API server’s differ by ${skew / 1000} s; the API server’s is used`)
    const step = plan(seen.observed, wanted, seen.now, trustedFor(seen.observed))
    if (step.do === 'nothing') {
      tell(`${step.reason}: ${step.detail}`)
      const { ca, leaf, previous, rules } = seen.observed
      return {
        steps,
        ca: ca.state === 'read' ? ca.cert : null,
        leaf: leaf.state === 'read' ? leaf.cert : null,
        rulesLeaf: rules.leaf.state === 'read' ? rules.leaf.cert : null,
        keys: keysText(rules.signing).trim().split('\n'),
        previous,
        nextAt: step.nextAt,
      }
    }
    if (step.do === 'await-configuration' || step.do === 'await-leaf') {
      if (monotonic() - started >= config.configurationsWaitSeconds * 1000)
        throw step.do === 'await-leaf'
          ? new CertsError('LeafAbsent', config.rulesLeafSecret)
          : new CertsError('ConfigurationAbsent', `${step.kind} ${config.webhookConfigurations}`)
      tell(`waiting: ${step.detail}`)
      await sleep(POLL_MS, signal)
      continue
    }
    if (step.do === 'await-trust') {
      if (told.startsWith('waiting for trust') === false) tell(`waiting for trust: ${step.detail}`)
      // Looked at again in between, so that a bundle reset by another tool starts the wait anew.
      await sleep(Math.min(step.ms, POLL_MS), signal)
      continue
    }
    turns += 1
    tell(`${step.do}: ${step.reason}, ${step.detail}`)
    try {
      await act(step, seen, store, config, around)
      steps.push({ do: step.do, reason: step.reason, detail: step.detail })
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
      tell(`somebody else wrote first (${error.message}); looking again`)
      await sleep(CONFLICT_PAUSE_MS * (1 + (turns % 5)), signal)
    }
  }
  throw new CertsError('KeepsChanging', String(MAX_STEPS))
}
