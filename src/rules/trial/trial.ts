/** One trial: what the corpus makes of the set that stands, what it makes of the candidate, and the difference. */
import type { TrialRequest } from '../model.ts'
import { compare, type Seen } from './compare.ts'
import { type Corpus, shortCorpus } from './corpus.ts'
import { type MeasureContext, type Measured, measure } from './measure.ts'
import type { Verdict } from './outcomes.ts'
import type { Remembered } from './remembered.ts'

export interface Judged {
  readonly reason: Verdict
  readonly detail: string
  /** Believed only the second time. */
  readonly shaky: boolean
}
export interface TrialContext extends MeasureContext {
  readonly corpus: Corpus
  /** What the corpus made of a content, so that the set that stands is not loaded for each candidate anew. */
  readonly known: Remembered<Measured>
  readonly engine: string
}

const keyOf = (engine: string, corpus: string, address: string) => `${engine} ${corpus} ${address}`

/** @throws as `measure` */
async function measured(
  { kind, content }: Pick<TrialRequest, 'kind' | 'content'>,
  context: TrialContext,
  signal: AbortSignal,
): Promise<Measured> {
  const { known, engine } = context
  const whole = known.get(keyOf(engine, 'whole', content.address))
  // Of the whole corpus the short one is a part.
  const found = whole ?? (kind === 'delta' ? known.get(keyOf(engine, 'short', content.address)) : undefined)
  if (found) return found
  const corpus = kind === 'delta' ? shortCorpus(context.corpus) : context.corpus
  const fresh = await measure(content, corpus, context, signal)
  const shaky = fresh.status === 'refused' ? fresh.shaky : fresh.seen.some(silent)
  if (!shaky) known.set(keyOf(engine, kind === 'delta' ? 'short' : 'whole', content.address), fresh)
  return fresh
}
const silent = ({ result }: Seen): boolean => result === 'silent'

/** @throws as `measure` */
export async function trial(request: TrialRequest, context: TrialContext, signal: AbortSignal): Promise<Judged> {
  const { kind, content, against } = request
  let stands = against && (await measured({ kind, content: against }, context, signal))
  if (against && stands?.status === 'refused' && stands.shaky)
    stands = await measured({ kind, content: against }, context, signal)
  // One that the engine no longer takes is no yardstick: then the corpus is.
  const before = stands?.status === 'measured' ? stands.seen : undefined
  const candidate = await measured({ kind, content }, context, signal)
  if (candidate.status === 'refused') return candidate
  const mute = candidate.seen.find(silent)
  if (mute)
    return {
      reason: 'EngineDied',
      detail: `no answer to ${mute.group}/${mute.name}, asked several times`,
      shaky: true,
    }
  const asked = new Set(candidate.seen.map(({ group, name }) => `${group}/${name}`))
  const beside = before?.filter(({ group, name }) => asked.has(`${group}/${name}`))
  const compared = compare(kind, beside, candidate.seen)
  if (compared.verdict === 'held') return { reason: compared.reason, detail: compared.detail, shaky: false }
  const stopped = candidate.seen.filter(({ expect }) => expect === 'stopped').length
  return {
    reason: 'Passed',
    detail: `${stopped} attacks and ${candidate.seen.length - stopped} harmless requests decided as they should be`,
    shaky: false,
  }
}
