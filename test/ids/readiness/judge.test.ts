import t from 'tap'
import { IDS_CHECKS, type IdsCheck } from '../../../src/api/ids.ts'
import { NO_CANARY } from '../../../src/ids/readiness/canary.ts'
import type { IdsFacts } from '../../../src/ids/readiness/facts.ts'
import { statusOf } from '../../../src/ids/readiness/figures.ts'
import { judge } from '../../../src/ids/readiness/judge.ts'
import { reportOf } from '../../../src/ids/readiness/report.ts'
import { eth0, GOOD, good } from './facts.ts'

const HOUR = 3600
const at = { at: 1000, carried: 500, seen: 400 }
/** One fault each, in the order of the checks, with the sentence that names its number and its limit. */
const FAULTS: readonly (readonly [IdsCheck, Partial<IdsFacts>, string])[] = [
  ['AgentStarting', { suricata: { state: 'unknown' } }, 'the agent began 1000 s ago'],
  [
    'SuricataSilent',
    { suricata: { state: 'silent', since: 990, why: 'nothing listens' } },
    'Suricata has not answered for 10 s: nothing listens',
  ],
  ['RulesFailed', { counts: { loaded: 40003, failed: 2 } }, '2 of 40005 rules could not be loaded (limit 0)'],
  ['RulesTooFew', { counts: { loaded: 0, failed: 0 } }, '0 rules are active (limit 10000)'],
  [
    'RulesTooFew',
    { counts: { loaded: 0, failed: 0 }, rules: { ...GOOD.rules, minimum: 0, expected: undefined } },
    '0 rules are active (limit 1)',
  ],
  ['RulesTooFew', { counts: { loaded: 9999, failed: 0 } }, '9999 rules are active (limit 10000)'],
  [
    'RulesTooFew',
    { counts: { loaded: 40004, failed: 0 } },
    '40004 rules are active and with the set 0123456789ab there should be 40005',
  ],
  ['RulesTooFew', { counts: undefined }, 'Suricata has not said yet how many rules it has'],
  [
    'RulesTooOld',
    { rules: { ...GOOD.rules, confirmedAt: 1000 - 721 * HOUR } },
    'nobody confirmed for 721 h that the set 0123456789ab is the newest (limit 720 h)',
  ],
  [
    'ReloadUnverified',
    { rules: { ...GOOD.rules, reload: { state: 'unverified', why: 'it has 3 rules' } } },
    'nothing shows that Suricata runs the set 0123456789ab: it has 3 rules',
  ],
  ['InterfaceMissing', { captured: undefined }, 'no interface is captured yet'],
  ['InterfaceMissing', { captured: [] }, 'no interface is captured yet'],
  ['InterfaceMissing', { wanted: ['cni0', 'eth0', 'eth1'] }, 'eth1 is not captured yet'],
  ['InterfaceMissing', eth0({ present: false }), 'eth0 is captured and not there any more'],
  ['PacketsNotAdvancing', eth0({ packets: undefined }), 'Suricata has not said yet how many packets it saw on eth0'],
  [
    'PacketsNotAdvancing',
    eth0({ packets: { state: { at: 970, carried: 400, seen: 400 }, sample: at } }),
    'eth0 carried 100 packets in the last 30 s and Suricata saw none of them (limit 100 packets in 30 s)',
  ],
  [
    'DropsOverBudget',
    eth0({
      drops: [
        { at: 940, packets: 0, drops: 0 },
        { at: 1000, packets: 1000, drops: 251 },
      ],
    }),
    'the kernel dropped 251 of 1000 packets of eth0 in the last 60 s: 25.1 % (limit 25 %)',
  ],
  [
    'CanaryLost',
    eth0({ canary: { ...NO_CANARY, carrierSince: 10, sentAt: 998, missingSince: 940, caughtAt: 934 } }),
    'no alert for the canary on eth0 for 66 s (limit 65 s)',
  ],
  [
    'CanaryLost',
    { interfaces: [good('eth0')].map((one) => ({ ...one, canary: NO_CANARY })) },
    'no captured interface has a carrier, so that no canary can be sent',
  ],
]

t.test('judge() is ready with all facts good, and names the numbers', async (t) => {
  t.strictSame(judge(GOOD), {
    ready: true,
    check: '',
    detail: '40005 rules (0123456789ab), 800 packets seen and every canary caught on cni0, eth0',
  })
})

t.test('judge() names the check of each fault, with its number and its limit', async (t) => {
  for (const [check, change, detail] of FAULTS)
    t.strictSame(judge({ ...GOOD, ...change }), { ready: false, check, detail }, detail)
  const named = new Set(FAULTS.map(([check]) => check))
  t.strictSame(
    (Object.keys(IDS_CHECKS) as IdsCheck[]).filter((check) => !named.has(check)),
    ['AgentSilent'],
    'which the probe says',
  )
})

t.test('judge() names the first of two faults, in the order of the checks', async (t) => {
  const order = Object.keys(IDS_CHECKS)
  for (const [one, first] of FAULTS)
    for (const [two, second] of FAULTS) {
      // Where both change the same fact, there is one fault alone.
      if (Object.keys(first).some((key) => key in second)) continue
      const wanted = order.indexOf(one) < order.indexOf(two) ? one : two
      t.equal(judge({ ...GOOD, ...first, ...second }).check, wanted, `${one} and ${two}`)
    }
})

t.test(
  'judge() takes no count for a fault that may be of the other set, nor an age that is not measured',
  async (t) => {
    const rules = { ...GOOD.rules, reload: { state: 'running' } } as const
    t.equal(judge({ ...GOOD, counts: { loaded: 39000, failed: 0 }, rules }).ready, true)
    t.equal(judge({ ...GOOD, rules: { ...GOOD.rules, confirmedAt: undefined } }).ready, true)
    const old = { ...GOOD.rules, confirmedAt: 1000 - 9999 * HOUR }
    t.equal(judge({ ...GOOD, rules: old, limits: { ...GOOD.limits, maximumRuleAge: 0 } }).ready, true)
    t.equal(judge({ ...GOOD, wanted: undefined }).ready, true, 'the file is not there in its first seconds')
    t.equal(judge({ ...GOOD, wanted: ['eth0'] }).ready, true, 'more than is wanted is captured')
  },
)

t.test('judge() keeps a sentence to 300 characters', async (t) => {
  const why = 'x'.repeat(1000)
  t.equal(judge({ ...GOOD, rules: { ...GOOD.rules, reload: { state: 'unverified', why } } }).detail.length, 300)
})

t.test(
  'statusOf() tells every check once, the failing ones with their fault and the others with their number',
  async (t) => {
    const all = statusOf({ ...GOOD, counts: { loaded: 40003, failed: 2 } })
    t.strictSame(
      all.map(({ check }) => check),
      Object.keys(IDS_CHECKS),
    )
    const told = Object.fromEntries(all.map(({ check, ok, detail }) => [check, `${ok ? 'ok' : 'FAIL'} ${detail}`]))
    t.match(told, {
      RulesFailed: 'FAIL 2 of 40005 rules could not be loaded (limit 0)',
      RulesTooFew: /^FAIL 40003/,
      RulesTooOld: 'ok confirmed 0.3 h ago (limit 720 h)',
      ReloadUnverified: 'ok verified',
      InterfaceMissing: 'ok captured: cni0, eth0; wanted: cni0, eth0',
      PacketsNotAdvancing: 'ok cni0: 400 packets seen; eth0: 400 packets seen',
      DropsOverBudget: /eth0: 1 of 400 packets dropped in 60 s \(limit 25 % in a minute\)$/,
      CanaryLost: 'ok cni0: caught 20 s ago; eth0: caught 20 s ago (limit 65 s)',
    })
  },
)

t.test('reportOf() has what stands on the Lease', async (t) => {
  t.strictSame(reportOf(GOOD, judge(GOOD), ['a blind spot'], '1.2.3'), {
    v: 1,
    ready: true,
    check: '',
    detail: '40005 rules (0123456789ab), 800 packets seen and every canary caught on cni0, eth0',
    rules: { loaded: 40005, failed: 0, set: '0123456789ab', ageHours: 0.3 },
    interfaces: ['cni0', 'eth0'].map((name) => ({ name, packets: 500, drops: 1, canary: 20 })),
    blindSpots: ['a blind spot'],
    version: '1.2.3',
  })
  const never = eth0({ canary: NO_CANARY, drops: [] })
  t.match(reportOf({ ...GOOD, ...never, counts: undefined }, judge(GOOD), [], '').interfaces[1], {
    packets: 0,
    canary: -1,
  })
})
