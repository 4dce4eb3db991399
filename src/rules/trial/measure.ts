/**
 * One content on the bench: sealed, placed, asked for, waited for, counted, probed.
 *
 *     seal ─ place ─ kick ─ status.json ─ rules counted ─ corpus ─ what became of each request
 */
import type { RulesConfig } from '../../config/rules.ts'
import type { Content } from '../compile/compile.ts'
import { asLine } from '../compile/problem.ts'
import { seal } from '../compile/seal.ts'
import type { Clock } from '../sources/source.ts'
import type { Seen } from './compare.ts'
import type { Corpus } from './corpus.ts'
import { NOT_OF_THE_CONTENT, SHAKY, type Verdict } from './outcomes.ts'
import { BenchGone, probe } from './probe.ts'
import type { Upstream } from './upstream.ts'
import {
  BENCH_NAMESPACE,
  type BenchStatus,
  BenchTrouble,
  canAnswer,
  hasReader,
  kick,
  place,
  readStatus,
  takeAway,
  tidy,
} from './volume.ts'

export interface Signer {
  /** Raw Ed25519 public keys in base64, current and next: what the bench is to believe from now on. */
  readonly keys: readonly string[]
  sign(bytes: Uint8Array): Uint8Array
}
export interface MeasureContext {
  readonly settings: RulesConfig['bench']
  readonly upstream: Upstream
  readonly clock: Clock
  readonly hash: (bytes: Uint8Array) => string
  /** Read for each seal, since keys change while the service runs. */
  readonly signer: () => Signer
  /** Rises with each call, and is above `seen`. */
  readonly sequence: (seen: number) => number
}

/** `shaky`: believed only the second time. */
export type Measured =
  | { readonly status: 'measured'; readonly seen: readonly Seen[]; readonly engine: string }
  | { readonly status: 'refused'; readonly reason: Verdict; readonly detail: string; readonly shaky: boolean }

/** The bench was lost after it had been asked for the content: perhaps for the content. */
export class BenchLost extends BenchTrouble {
  override name = 'BenchLost'
}
/** The time for one trial is over. */
export class OutOfTime extends Error {
  override name = 'OutOfTime'
}

const LOOK_MS = 100
const READER_EVERY = 3
/** The workers of before have closed their sockets by then. */
const SETTLE_MS = 200
const ANSWER_MS = 10_000
const PATIENCE_MS = 5_000

/** Asks for the generation and waits for what status.json says of it. */
async function load(directory: string, generation: string, clock: Clock, signal: AbortSignal): Promise<BenchStatus> {
  let before = JSON.stringify(await readStatus(directory))
  await kick(directory, generation)
  for (let looks = 1; ; looks++) {
    await clock.sleep(LOOK_MS, signal)
    const now = await readStatus(directory)
    if (now?.wanted === generation && now.state !== 'waiting') return now
    if (looks % READER_EVERY === 0) {
      if (!(await hasReader(directory)))
        throw new BenchLost('BenchMissing', `the bench ended while it was to load ${generation}`)
      await canAnswer(directory)
    }
    const text = JSON.stringify(now)
    // It speaks of something else: one that started anew lost the line that was waiting in the FIFO.
    if (text !== before) await kick(directory, generation)
    before = text
  }
}

/** Only peers that may connect, so that the bench can ask at all: addresses are no rules. */
const reachable = (content: Content): Content =>
  content.onlyFrom.length === 0 ? content : { ...content, onlyFrom: [...content.onlyFrom, '127.0.0.1/32'] }

const refused = (reason: Verdict, detail: string, shaky = false): Measured => ({
  status: 'refused',
  reason,
  detail,
  shaky,
})

/**
 * @throws BenchTrouble where nothing can be said of the content, BenchLost if the bench went away with it; the signal's reason
 */
export async function measure(
  content: Content,
  corpus: Corpus,
  context: MeasureContext,
  signal: AbortSignal,
): Promise<Measured> {
  const { settings, upstream, clock, hash, signer, sequence } = context
  const { directory, address } = settings
  const { keys, sign } = signer()
  const seen = (await readStatus(directory))?.sequence ?? 0
  const identity = { namespace: BENCH_NAMESPACE, sequence: sequence(seen), rollback: false, keys }
  const sealed = seal(reachable(content), { ...identity, hash, sign })
  if (sealed.status === 'refused')
    throw new BenchTrouble('BenchRefuses', `Cannot seal for the bench: ${sealed.problems.map(asLine).join('; ')}`)
  const { generation, files } = sealed
  await tidy(directory)
  await place(directory, generation, files)
  try {
    const said = await load(directory, generation, clock, signal)
    if (said.state === 'failed') return failed(said)
    if (said.rules !== content.rules)
      return refused('RuleCountDiffers', `the engine loaded ${said.rules} rules, compiled were ${content.rules}`)
    await clock.sleep(SETTLE_MS, signal)
    const how = { address, upstream, signal, answerMs: ANSWER_MS, patienceMs: PATIENCE_MS, sleep: clock.sleep }
    const results = await probe(corpus, how)
    // Nothing counts that another set answered.
    const after = await readStatus(directory)
    if (after?.generation !== generation)
      throw new BenchLost(
        'BenchMissing',
        `the bench serves ${after?.generation || 'nothing'}, not ${generation} any more`,
      )
    return { status: 'measured', seen: results, engine: said.engine }
  } catch (error) {
    // Whatever starts there next is not to begin with it.
    await takeAway(directory, generation)
    if (error instanceof BenchGone) throw new BenchLost('BenchMissing', `${error.message} with ${generation}`)
    throw error
  }
}

/** @throws BenchTrouble where the WAF's reason is none of the content */
function failed({ reason, detail }: BenchStatus): Measured {
  const trouble = Object.hasOwn(NOT_OF_THE_CONTENT, reason) ? NOT_OF_THE_CONTENT[reason] : undefined
  const said = `${reason}: ${detail}`
  if (trouble !== undefined) throw new BenchTrouble(trouble, said)
  return refused(reason === 'RuleCountDiffers' ? reason : 'EngineRefused', said, SHAKY.has(reason))
}
