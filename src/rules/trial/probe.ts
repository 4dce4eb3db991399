/**
 * The corpus against what the bench serves. A request is known at the other end by its mark, so a denial is one that the application never saw.
 * What comes out otherwise than the corpus expects is asked a second time, alone: a stumble of a busy machine is no verdict.
 */
import { connect } from 'node:net'
import type { Seen } from './compare.ts'
import type { Corpus, CorpusRequest } from './corpus.ts'
import { ANSWER_HEADER, type Upstream } from './upstream.ts'

/** The bench does not answer at all. */
export class BenchGone extends Error {
  override name = 'BenchGone'
}

export interface ProbeOptions {
  readonly address: string
  readonly upstream: Upstream
  readonly signal: AbortSignal
  /** For one answer. */
  readonly answerMs: number
  /** How long the bench may be away, as it is when its worker is started anew. */
  readonly patienceMs: number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

const TOGETHER = 4
/** With so many without an answer there is no need to ask on. */
const MOST_SILENT = 2
let marks = 0

/** The head of the answer; '' where none came. */
const exchange = (address: string, bytes: Buffer, answerMs: number): Promise<string> =>
  new Promise((done) => {
    let text = ''
    const colon = address.lastIndexOf(':')
    const socket = connect(Number(address.slice(colon + 1)), address.slice(0, colon).replace(/^\[|\]$/g, ''))
    socket.on('connect', () => socket.write(bytes))
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
      if (text.includes('\r\n\r\n') || text.length > 65_536) socket.destroy()
    })
    // From the beginning: one that is answered drop by drop is not answered.
    const late = setTimeout(() => socket.destroy(), answerMs)
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(late)
      done(text)
    })
  })

async function ask(request: CorpusRequest, { address, upstream, answerMs }: ProbeOptions): Promise<Seen> {
  const mark = `m${++marks}`
  const head = await exchange(address, request.bytes(mark), answerMs)
  const { group, name, expect } = request
  const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(head)?.[1] ?? 0)
  const answered = head.toLowerCase().includes(`\r\n${ANSWER_HEADER}: `)
  const reached = upstream.took(mark)
  const result = reached
    ? answered
      ? 'passed'
      : 'cut'
    : status === 403
      ? 'stopped'
      : status === 0
        ? 'silent'
        : 'rejected'
  return { group, name, expect, result, status }
}

/** Whether the bench answers anything, within its patience. */
async function alive(options: ProbeOptions): Promise<boolean> {
  const PING = Buffer.from(
    'GET / HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: sekisho\r\nAccept: */*\r\nConnection: close\r\n\r\n',
  )
  for (let waited = 0; ; waited += 250) {
    if ((await exchange(options.address, PING, options.answerMs)) !== '') return true
    if (waited >= options.patienceMs) return false
    await options.sleep(250, options.signal)
  }
}

/** Asked again until an answer comes or it is plain that this request gets none. */
async function insist(request: CorpusRequest, options: ProbeOptions): Promise<Seen> {
  let seen = await ask(request, options)
  for (let tries = 1; tries < 3 && seen.result === 'silent'; tries++) {
    options.signal.throwIfAborted()
    if (!(await alive(options))) throw new BenchGone('the bench does not answer')
    seen = await ask(request, options)
  }
  return seen
}

/**
 * What became of each request, in the order of the corpus. With several that get no answer the rest is left out.
 * @throws BenchGone; the signal's reason
 */
export async function probe(corpus: Corpus, options: ProbeOptions): Promise<Seen[]> {
  const seen: Seen[] = []
  let next = 0
  let silent = 0
  const worker = async () => {
    for (let i = next++; i < corpus.length && silent < MOST_SILENT; i = next++) {
      options.signal.throwIfAborted()
      seen[i] = await insist(corpus[i]!, options)
      if (seen[i]!.result === 'silent') silent++
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: TOGETHER }, worker))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  for (const [i, request] of corpus.entries()) {
    if (seen[i] === undefined || seen[i].result === seen[i].expect) continue
    options.signal.throwIfAborted()
    seen[i] = await insist(request, options)
  }
  return seen.filter((one) => one !== undefined)
}
