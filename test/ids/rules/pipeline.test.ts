/** What is remembered of a set that is being made, where the agent ends meanwhile: programs are played here. Real ones: pipeline.image.test.ts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { RunChild } from '../../../src/ids/rules/child.ts'
import type { Memory } from '../../../src/ids/rules/memory.ts'
import { createOwnFiles } from '../../../src/ids/rules/own-files.ts'
import { createPipeline } from '../../../src/ids/rules/pipeline.ts'
import { createSetShelf } from '../../../src/ids/rules/set-shelf.ts'

const NOW = Date.UTC(2026, 0, 1)
const good = { name: 'baseline', rules: 0, expected: 3, inputs: 'baseline', archive: '' }
const archive = { file: '/dev/null', sha256: 'a'.repeat(64) }

/** A pipeline that runs the rules of the image, and what it remembered, newest last. */
const start = async (t: Test, { run, trying }: { run: RunChild; trying?: Memory['trying'] }) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-pipeline-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'interfaces'), '# 1\neth0\n')
  const stopping = new AbortController()
  const shelf = createSetShelf(folder)
  await shelf.activate('baseline')
  const written: Memory[] = []
  const memory: Memory = { v: 1, own: [], good, ...(trying && { trying }) }
  const pipeline = createPipeline({
    runDirectory: folder,
    stateDirectory: folder,
    minimumRules: 1,
    shrinkPercent: 20,
    allow: [],
    programs: { suricata: 'suricata', suricataUpdate: 'suricata-update', suricataYaml: '/nonexistent' },
    engine: {
      command: async (name) =>
        name === 'ruleset-reload-time' ? [{ last_reload: 'a' }] : [{ rules_loaded: 3, rules_failed: 0 }],
    },
    shelf,
    memoryFile: { read: async () => ({ memory, lost: '' }), write: async (next) => void written.push(next) },
    memory,
    own: createOwnFiles(() => [], []),
    run: (program, args, options) =>
      args[0] === '-V'
        ? Promise.resolve({ code: 0, signal: null, timedOut: false, output: 'Suricata version 8.0.7 RELEASE' })
        : run(program, args, options),
    tell: () => {},
    log: { info: () => {}, warn: () => {} },
    now: () => NOW,
    elapsed: () => performance.now(),
    sleep: async () => {},
    signal: stopping.signal,
  })
  await pipeline.settle()
  t.equal(pipeline.facts().reload, 'verified')
  return { pipeline, written, end: () => stopping.abort() }
}
const failing: RunChild = async () => ({ code: 1, signal: null, timedOut: false, output: '' })

t.test(
  'createPipeline() does not count it against a set that the agent was told to end while it was made',
  async (t) => {
    const one = await start(t, {
      run: async () => {
        one.end()
        throw new Error('given up')
      },
    })
    await t.rejects(one.pipeline.adopt(archive))
    t.match(
      one.written.map(({ trying }) => trying?.times ?? 0),
      [0, 1, 0],
      'once it began, it counts until the end is known not to be its fault',
    )
  },
)

t.test('createPipeline() leaves a set alone that ended it twice within the hour, whatever the clock was', async (t) => {
  let runs = 0
  const run: RunChild = (...all) => {
    runs++
    return failing(...all)
  }
  const first = await start(t, { run })
  t.match(await first.pipeline.adopt(archive), { status: 'refused', reason: 'UpdateFailed' })
  const { inputs } = first.written.find(({ trying }) => trying)!.trying!
  for (const [at, wanted] of [
    [NOW - 60_000, 'TestEnded'],
    [NOW - 2 * 3_600_000, 'UpdateFailed'],
    // Written by a clock that was wrong: else it would be left alone until then.
    [NOW + 9e10, 'UpdateFailed'],
  ] as const) {
    const later = await start(t, { run, trying: { inputs, times: 2, at } })
    t.match(await later.pipeline.adopt(archive), { status: 'refused', reason: wanted })
  }
  t.equal(runs, 3)
})
