/** A source followed through good and bad days, with a clock that the test moves. */
import t from 'tap'
import { follow } from '../../../src/rules/sources/follow.ts'
import { Refusal } from '../../../src/rules/sources/refusals.ts'
import { type Clock, type Fetched, type Http, type Known, ruleSource } from '../../../src/rules/sources/source.ts'

const HOUR = 3_600_000
const MINUTE = 60_000
const http: Http = { get: () => Promise.reject(new Error('not asked here')) }
const known: Known = { version: '4.25.0', sha256: '', content: '', rules: 1 }

/** Each sleep is written down and over at once; after the last answer the signal ends it. */
const run = async (answers: (() => Fetched)[]) => {
  const control = new AbortController()
  const slept: number[] = []
  const asked: (Known | undefined)[] = []
  const clock: Clock = {
    now: () => 0,
    async sleep(ms, signal) {
      slept.push(ms)
      if (answers.length === 0) control.abort()
      signal.throwIfAborted()
    },
  }
  const source = ruleSource('crs', 'test', async (context) => {
    asked.push(context.known)
    return answers.shift()!()
  })
  const got: Fetched[] = []
  let current: Known | undefined
  for await (const fetched of follow(source, {
    http,
    clock,
    signal: control.signal,
    everyMs: HOUR,
    random: () => 0.5,
    known: () => current,
  })) {
    if (fetched.status !== 'refused') current = fetched.known
    got.push(fetched)
  }
  return { slept, asked, reasons: got.map(({ reason }) => reason), details: got.map(({ detail }) => detail) }
}
const unchanged = (): Fetched => ({ status: 'unchanged', reason: 'NotModified', detail: '', known })
const refuse = (code: ConstructorParameters<typeof Refusal>[0]) => () => {
  throw new Refusal(code, 'because.')
}

t.test('follow() looks for a missing key every few minutes, until there is a release', async (t) => {
  const { slept } = await run([refuse('NoKey'), refuse('NoKey'), unchanged, refuse('NoKey')])
  t.same(slept.slice(1), [3.75 * MINUTE, 3.75 * MINUTE, HOUR, HOUR])
})

t.test('follow() backs off while upstream is down, and is on time again once it answers', async (t) => {
  const down = refuse('Unreachable')
  const { slept, reasons, asked } = await run([unchanged, down, down, down, unchanged, down, refuse('BadSignature')])
  t.same(reasons, [
    'NotModified',
    'Unreachable',
    'Unreachable',
    'Unreachable',
    'NotModified',
    'Unreachable',
    'BadSignature',
  ])
  t.same(slept, [MINUTE / 2, HOUR, 0.75 * MINUTE, 1.5 * MINUTE, 3 * MINUTE, HOUR, 0.75 * MINUTE, HOUR])
  t.same(asked, [undefined, known, known, known, known, known, known], 'what is known is given back each time')
})

t.test(
  'ruleSource() turns a fault of ours into a refusal, so that nothing upstream says ends the service',
  async (t) => {
    const fault = () => {
      throw new TypeError('x is not a function')
    }
    const { reasons, details } = await run([fault, unchanged])
    t.same(reasons, ['Fault', 'NotModified'])
    t.equal(details[0], 'test: TypeError: x is not a function')
  },
)

t.test('ruleSource() throws for its signal alone', async (t) => {
  const source = ruleSource('crs', 'test', async () => unchanged())
  const signal = AbortSignal.abort(new Error('stop'))
  await t.rejects(source.fetch({ signal, http, clock: { now: () => 0, sleep: async () => {} } }), { message: 'stop' })
})
