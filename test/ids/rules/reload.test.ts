/** In which order things may be seen at a reload, and what is made of it: Suricata is a script here. Real ones: reload.image.test.ts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { reloadSeen } from '../../../src/ids/rules/reload.ts'

interface Scene {
  /** What Suricata says at each look: when it loaded, how many rules, how many failed; undefined: it does not answer. */
  readonly looks: readonly (readonly [string, number, number, start?: number] | undefined)[]
  /** The first so many reloads are refused. */
  readonly refused?: number
  readonly seen: string | RegExp
  /** How often a reload was accepted. */
  readonly reloads: number
}

const scenes: Record<string, Scene> = {
  'the swap and the right counts': {
    looks: [
      ['a', 5, 0],
      ['a', 5, 0],
      ['b', 9, 0],
    ],
    seen: '',
    reloads: 1,
  },
  'the right counts without a swap': {
    looks: [['a', 9, 0]],
    seen: /^Suricata has not loaded it yet, after 10 s$/,
    reloads: 3,
  },
  'a reload that was answered and lost': {
    looks: [...Array.from({ length: 5 }, () => ['a', 5, 0] as const), ['b', 9, 0]],
    seen: '',
    reloads: 2,
  },
  'a swap to no rules': {
    looks: [
      ['a', 5, 0],
      ['b', 0, 0],
    ],
    seen: 'Suricata has 0 rules and 0 failed, where 9 and none are right',
    reloads: 1,
  },
  'a swap with failed rules': {
    looks: [
      ['a', 5, 0],
      ['b', 9, 2],
    ],
    seen: /9 rules and 2 failed/,
    reloads: 1,
  },
  'a clock that was set back': {
    looks: [
      ['2026-01-02', 5, 0],
      ['2026-01-01', 9, 0],
    ],
    seen: '',
    reloads: 1,
  },
  'silence, then an answer': { looks: [undefined, undefined, ['a', 5, 0], ['b', 9, 0]], seen: '', reloads: 1 },
  'silence for ever': { looks: [undefined], seen: /^nobody there, after 10 s$/, reloads: 0 },
  'silence after the reload': { looks: [['a', 5, 0], undefined], seen: /^nobody there, after 10 s$/, reloads: 1 },
  'another reload under way': {
    looks: [
      ['a', 5, 0],
      ['b', 5, 0],
      ['b', 5, 0],
      ['c', 9, 0],
    ],
    refused: 1,
    seen: '',
    reloads: 1,
  },
  'a new start that still reads, then has it': {
    looks: [
      ['a', 5, 0],
      ['x', 0, 0, 2],
      ['x', 0, 0, 2],
      ['x', 9, 0, 2],
    ],
    seen: '',
    reloads: 1,
  },
  'a new start that never has it': {
    looks: [
      ['a', 5, 0],
      ['x', 0, 0, 2],
    ],
    seen: /^Suricata has 0 rules .*, after 10 s$/,
    reloads: 1,
  },
}

for (const [what, { looks, refused = 0, seen, reloads }] of Object.entries(scenes))
  t.test(`reloadSeen() with ${what}`, async (t) => {
    const runDirectory = mkdtempSync(join(tmpdir(), 'sekisho-reload-'))
    t.teardown(() => rmSync(runDirectory, { recursive: true }))
    let [clock, look, accepted, asked] = [0, 0, 0, 0]
    const now = () => looks[Math.min(look, looks.length - 1)]
    const stand = () => writeFileSync(join(runDirectory, 'interfaces'), `# ${now()?.[3] ?? 1}\neth0\n`)
    stand()
    const why = await reloadSeen({
      engine: {
        command: async (name) => {
          const facts = now()
          if (!facts) throw new Error('nobody there')
          if (name === 'ruleset-reload-time') return [{ id: 0, last_reload: facts[0] }]
          if (name === 'ruleset-stats') return [{ id: 0, rules_loaded: facts[1], rules_failed: facts[2] }]
          if (asked++ < refused) throw new Error('Reload already in progress')
          accepted++
          return 'done'
        },
      },
      runDirectory,
      expected: 9,
      timeMs: 10_000,
      pollMs: 1000,
      elapsed: () => clock,
      sleep: async (ms) => {
        clock += ms
        look++
        stand()
      },
      signal: new AbortController().signal,
      saw: () => {},
    })
    if (typeof seen === 'string') t.equal(why, seen)
    else t.match(why, seen)
    t.equal(accepted, reloads)
  })
