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
  readonly previous: readonly CertView[]
  readonly nextAt: number
}

interface Look {
  readonly observed: Observed
  readonly caSecret: SecretRead
  readonly leafSecret: SecretRead
  readonly configurations: ReadonlyMap<ConfigurationKind, ConfigurationRead>
  readonly now: number
}

/** A rotation takes six steps and a first install four; the rest is room for lost races. */
const MAX_STEPS = 40
const POLL_MS = 2_000
const CONFLICT_PAUSE_MS = 200
/** Clocks that differ by more are worth a line: something else will break too. */
const SKEW_TOLD_MS = 60_000

const look = async (store: Store, config: CertsConfig, { wallClock, signal }: Surroundings): Promise<Look> => {
  // The CA last, what is written after it first: if another job moves on in between, our write of a bundle or leaf that
  // no longer fits meets a newer resourceVersion and fails. The other way round it would undo what the other job did.
  const configurations = new Map<ConfigurationKind, ConfigurationRead>()
  for (const kind of CONFIGURATION_KINDS) {
    const read = await store.readConfiguration(kind, config.webhookConfigurations, signal)
    if (read) configurations.set(kind, read)
  }
  const leafSecret = await store.readSecret(config.leafSecret, signal)
  const caSecret = await store.readSecret(config.caSecret, signal)
  const ca = readPair(caSecret.data['ca.crt'] ?? '', caSecret.data['ca.key'] ?? '')
  const previous = readBundle(caSecret.data['previous.crt'] ?? '').filter(({ isCa }) => isCa)
  const leaf = readPair(leafSecret.data['tls.crt'] ?? '', leafSecret.data['tls.key'] ?? '')
  const bundles = [...configurations.values()].flatMap(({ entries }) => entries.map(({ caBundle }) => caBundle))
  const known = [
    ...(ca.state === 'read' ? [ca.cert] : []),
    ...previous,
    ...readBundle([leafSecret.data['ca.crt'] ?? '', ...new Set(bundles)].join('\n')),
  ]
  return {
    caSecret,
    leafSecret,
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
    case 'issue-leaf': {
      const signer = signerOf(seen)
      const { certPem, keyPem } = await issuer.issueLeaf(signer, leafNames(config), {
        ...lifetime,
        days: config.leafDays,
      })
      await store.writeSecret(
        config.leafSecret,
        seen.leafSecret,
        { 'tls.crt': certPem, 'tls.key': keyPem, 'ca.crt': signer.certPem },
        signal,
      )
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
    names: leafNames(config),
    backdateMs: config.backdateSeconds * 1000,
    publishWaitMs: config.publishWaitSeconds * 1000,
    overlapMs: config.overlapHours * 3_600_000,
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
      const { ca, leaf, previous } = seen.observed
      return {
        steps,
        ca: ca.state === 'read' ? ca.cert : null,
        leaf: leaf.state === 'read' ? leaf.cert : null,
        previous,
        nextAt: step.nextAt,
      }
    }
    if (step.do === 'await-configuration') {
      if (monotonic() - started >= config.configurationsWaitSeconds * 1000)
        throw new CertsError('ConfigurationAbsent', `${step.kind} ${config.webhookConfigurations}`)
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
