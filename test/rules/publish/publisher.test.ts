/** The publisher and the shelf together, without a cluster: a bench that passes what it is told to, a clock that the test moves. */
import t from 'tap'
import { policySettings } from '../../../src/config/rules.ts'
import type { Heard, PodFact, TrialBench, TrialRequest } from '../../../src/rules/model.ts'
import { createContents } from '../../../src/rules/publish/contents.ts'
import { createPacker } from '../../../src/rules/publish/pack.ts'
import { createPublisher, type Told } from '../../../src/rules/publish/publisher.ts'
import { createRecipes } from '../../../src/rules/publish/recipes.ts'
import { createShelf } from '../../../src/rules/publish/shelf.ts'
import { createStates } from '../../../src/rules/publish/states.ts'
import { createView } from '../../../src/rules/publish/view.ts'
import { EMPTY_ROLLOUT, type RolloutState } from '../../../src/rules/rollout/state.ts'
import { linesLog } from '../../cluster-cache/lab.ts'
import { realRelease } from '../compile/support.ts'
import { memoryKept, newSigning } from './support.ts'

const crs = await realRelease('4.25.0')
const ref = { version: '4.25.0', sha256: 'a'.repeat(64) }
const IMAGE = 'registry.local/sekisho-waf:1'
const START = 1_795_000_000_000

function setUp() {
  let time = START
  let signing = newSigning()
  let compiles = 0
  let rollout: RolloutState = { ...EMPTY_ROLLOUT, current: ref }
  const view = createView(() => {})
  const kept = memoryKept((name) => void states.reread(name))
  const states = createStates(kept)
  const contents = createContents({
    release: async () => {
      compiles++
      return crs
    },
    breathe: () => Promise.resolve(),
  })
  const recipes = createRecipes(kept)
  const trials: TrialRequest[] = []
  const bench: TrialBench & { verdict: 'passed' | 'held' | 'refused'; version: string | undefined } = {
    verdict: 'passed',
    version: '3.0.16',
    engine: () => bench.version,
    try: async (request) => {
      trials.push(request)
      return { verdict: bench.verdict, reason: bench.verdict, detail: 'because', engine: bench.version!, ms: 1 }
    },
  }
  const told: Told[] = []
  const { log } = linesLog()
  const publisher = createPublisher({
    view,
    states,
    rollout: () => rollout,
    contents,
    recipes,
    bench,
    signing: () => signing,
    settings: policySettings.parse({ exclusions: {} }),
    now: () => time,
    log,
    published: () => {},
    triedOne: () => {},
    tell: (one) => void told.push(one),
  })
  const shelf = createShelf({
    view,
    states,
    rollout: () => rollout,
    contents,
    recipes,
    packer: createPacker(),
    signing: () => signing,
    wafImage: IMAGE,
    log,
    now: () => time,
  })
  const addPod = (namespace: string, name = 'web-1', labels = {}): PodFact => {
    const uid = `${namespace}-${name}`
    const pod: PodFact = {
      ...{ namespace, name, uid, labels, workload: 'Deployment/web', image: IMAGE, mode: 'block', terminating: false },
    }
    view.pods.set(`${namespace}/${name}`, pod)
    return pod
  }
  const addPolicy = (namespace: string, name: string, spec: object, created = 1) =>
    view.policies.set(`${namespace}/${name}`, { namespace, name, uid: name, generation: 1, created, spec, status: {} })
  const addRules = (namespace: string, text: string) =>
    view.named.set(`${namespace}/sekisho-rules`, {
      ...{ namespace, name: 'sekisho-rules', labels: {}, data: { 'rules.conf': text }, binaryKeys: [] },
    })
  const never = new AbortController().signal
  return {
    view,
    states,
    kept,
    shelf,
    publisher,
    bench,
    trials,
    told,
    addPod,
    addPolicy,
    addRules,
    compiles: () => compiles,
    settle: (namespace: string) => publisher.settle(namespace, never),
    heard: (pod: PodFact, more: Partial<Heard> = {}): Heard => ({
      ...{ namespace: pod.namespace, name: pod.name, uid: pod.uid, at: time, engine: '3.0.16', image: IMAGE },
      ...{ protocol: 1, generation: '', sequence: 0, wanted: '', state: 'waiting', reason: '', detail: '' },
      ...{ mode: 'block', orders: '', rules: 0, requests: 0, blocked: 0 },
      ...more,
    }),
    pass: (ms: number) => {
      time += ms
    },
    roll: (next: RolloutState) => {
      rollout = next
    },
    rotate: () => {
      signing = newSigning()
    },
  }
}
const RULE = 'SecRule ARGS "@contains zanzibar" "id:100001,phase:2,deny,status:403,t:none"\n'

t.test(
  'settle(): a thousand namespaces that want the same are one compile, one trial, one recipe and few writes',
  async (t) => {
    const { addPod, settle, compiles, trials, kept, states, shelf, heard } = setUp()
    const pods = Array.from({ length: 1000 }, (_, i) => addPod(`team-${i}`))
    const began = performance.now()
    // The first is tried alone; the others begin when it is there.
    await settle('team-0')
    await Promise.all(pods.map(({ namespace }) => settle(namespace)))
    t.comment(`1000 namespaces: ${Math.round(performance.now() - began)} ms, ${kept.writes.length} writes`)
    t.equal(trials.length, 1)
    t.ok(compiles() <= 2, `${compiles()} compiles`)
    t.equal(kept.writes.filter((name) => name.startsWith('sekisho-recipe-')).length, 1)
    t.ok(kept.writes.length < 500, `${kept.writes.length} writes`)
    t.equal(new Set([...states.all()].map(({ targets }) => targets[0]?.published[0]?.address)).size, 1)
    await Promise.all(pods.slice(0, 50).map(({ namespace }) => shelf.prepare(namespace)))
    const generations = pods.slice(0, 50).map((pod) => shelf.wanted(pod, heard(pod))?.generation)
    t.equal(new Set(generations).size, 50, 'each under its own seal')
    t.notOk(generations.includes(''))
  },
)

t.test(
  'wanted(): orders alone until the engine fits, nothing again for what a Pod runs, nothing of another namespace',
  async (t) => {
    const { addPod, settle, shelf, heard } = setUp()
    const pod = addPod('shop')
    t.equal(shelf.wanted(pod, heard(pod)), undefined, 'nothing is published yet')
    await settle('shop')
    await shelf.prepare('shop')
    const wanted = shelf.wanted(pod, heard(pod))!
    t.match(wanted, { generation: /^crs-4\.25\.0-/, orders: { mode: 'own' } })
    t.equal(shelf.bundle('shop', wanted.generation)?.length, wanted.bytes)
    t.equal(shelf.bundle('lab', wanted.generation), undefined)
    t.match(shelf.wanted(pod, heard(pod, { engine: '3.0.15' })), { generation: '', orders: { mode: 'own' } })
    t.equal(shelf.wanted(pod, heard(pod, { engine: '' }))?.generation, wanted.generation, 'before its WAF has started')
    const other = { ...pod, image: 'registry.local/sekisho-waf:0' }
    t.equal(shelf.wanted(other, heard(other, { engine: '' }))?.generation, '', 'an engine that nobody knows')
    t.equal(shelf.wanted(pod, heard(pod, { generation: wanted.generation, sequence: wanted.sequence }))?.generation, '')
  },
)

t.test('bundle(): what was published a moment ago is there, and what is long replaced is not', async (t) => {
  const { addPod, addRules, settle, shelf, heard, pass } = setUp()
  const pod = addPod('shop')
  const generations: string[] = []
  for (let i = 0; i < 7; i++) {
    addRules('shop', RULE.replaceAll('zanzibar', `word${i}`))
    pass(5_000)
    await settle('shop')
    await shelf.prepare('shop')
    generations.push(shelf.wanted(pod, heard(pod))!.generation)
  }
  const there = generations.map((one) => shelf.bundle('shop', one) !== undefined)
  t.same(there, [false, false, false, true, true, true, true])
})

t.test(
  'settle(): mode and break-glass are stored although there is no bench, and while rules are refused',
  async (t) => {
    const { addPod, addPolicy, addRules, settle, bench, states } = setUp()
    addPod('shop')
    bench.version = undefined
    addPolicy('shop', 'web', { mode: 'block' })
    t.match(await settle('shop'), { unfinished: true })
    t.match(states.of('shop').targets, [{ policy: 'web', orders: { mode: 'block' }, published: [] }])
    bench.version = '3.0.16'
    addRules('shop', 'SecRule ARGS "@nonsense x" "id:100001,phase:2,deny"\n')
    const until = new Date(START + 3600_000).toISOString()
    addPolicy('shop', 'web', { mode: 'block', breakGlass: { until, reason: 'down', by: 'ann' } })
    const { wakeAt } = await settle('shop')
    t.equal(wakeAt, START + 3600_000, 'its end is looked at by itself')
    t.match(states.of('shop').targets[0], {
      orders: { breakGlassUntil: (START + 3600_000) / 1000 },
      newest: { outcome: 'refused', problems: [/^sekisho-rules\/rules\.conf:1: /] },
    })
  },
)

t.test('settle(): what is held or refused is told once, and what stood before stays', async (t) => {
  const { addPod, addRules, settle, bench, states, told, publisher } = setUp()
  addPod('shop')
  await settle('shop')
  const good = states.of('shop').targets[0]!.published
  addRules('shop', RULE)
  for (const verdict of ['held', 'refused'] as const) {
    bench.verdict = verdict
    await settle('shop')
    await settle('shop')
    t.same(states.of('shop').targets[0]!.published, good)
    t.match(states.of('shop').targets[0]!.newest, { outcome: verdict, detail: 'because' })
  }
  t.same(
    told.map(({ what }) => what),
    ['Accepted', 'Held', 'Refused'],
  )
  bench.verdict = 'passed'
  await settle('shop')
  t.not(states.of('shop').targets[0]!.published[0]!.address, good[0]!.address)
  t.equal(publisher.lookedAt({ namespace: 'shop', policy: '' }), 0)
})

t.test(
  'settle(): a Pod that has seen more gets a higher sequence, at most every ten seconds, and none from the far future',
  async (t) => {
    const { addPod, settle, shelf, heard, publisher, states, pass } = setUp()
    const pod = addPod('shop')
    await settle('shop')
    await shelf.prepare('shop')
    const { sequence } = shelf.wanted(pod, heard(pod))!
    const seen = heard(pod, { generation: 'crs-4.22.0-0123456789abcdef', sequence: sequence + 50 })
    t.equal(shelf.wanted(pod, seen)?.generation, '', 'its WAF would refuse what there is')
    publisher.raise(shelf.behind(pod, seen)!)
    const { wakeAt } = await settle('shop')
    t.equal(states.of('shop').targets[0]!.published[0]!.sequence, sequence)
    pass(wakeAt - START)
    await settle('shop')
    t.equal(states.of('shop').targets[0]!.published[0]!.sequence, sequence + 51)
    await shelf.prepare('shop')
    t.match(shelf.wanted(pod, seen)?.generation, /^crs-4\.25\.0-/)
    t.equal(shelf.behind(pod, heard(pod, { generation: 'x', sequence: 9_000_000_000_000_000 })), undefined)
  },
)

t.test(
  'settle(): other keys seal anew; a way back is said as one; another engine is tried, and changes nothing for Pods',
  async (t) => {
    const { addPod, settle, states, rotate, roll, pass, bench, trials } = setUp()
    addPod('shop')
    await settle('shop')
    const published = () => states.of('shop').targets[0]!.published[0]!
    const first = published()
    rotate()
    await settle('shop')
    t.ok(published().sequence > first.sequence)
    t.equal(published().address, first.address)
    t.equal(published().rollback, false)
    pass(5000)
    roll({ ...EMPTY_ROLLOUT, current: ref, sealAfter: START + 4000 })
    await settle('shop')
    t.equal(published().rollback, true)
    const last = published()
    bench.version = '3.0.17'
    await settle('shop')
    t.same(published(), { ...last, engines: ['3.0.16', '3.0.17'] })
    t.equal(trials.length, 2)
  },
)
