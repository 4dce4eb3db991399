/** The keeper against a plain judgement of everything at once: a random walk through a cluster, and what it does with clocks and leaders. */
import fc from 'fast-check'
import t from 'tap'
import { ANNOTATION } from '../../../src/api/names.ts'
import { guardConfig } from '../../../src/config/guard.ts'
import { coverage } from '../../../src/guard/coverage.ts'
import { createKeeper, type Keeper } from '../../../src/guard/keep/keeper.ts'
import { taintForm } from '../../../src/guard/keep/taint.ts'
import type { KeptNamespace, KeptNode, KeptTaint } from '../../../src/guard/keep/views.ts'
import { daemonSet as bareDaemonSet, idsPod, NOW, node } from '../parts.ts'

/** As it is installed: it starts on every node. */
const daemonSet = (more: Parameters<typeof bareDaemonSet>[0] = {}) =>
  bareDaemonSet({ tolerations: [{ operator: 'Exists' }], ...more })
const config = (more: object = {}) => guardConfig.parse({ taint: { settleSeconds: 0 }, ...more })
const kept = (name: string, labels: Record<string, string> = {}, taints: readonly KeptTaint[] = []): KeptNode => ({
  ...node(name, { labels }),
  taints,
  uid: `uid-${name}`,
})
const space = (name: string, value: string | undefined, selector?: string, coverageText?: string): KeptNamespace => ({
  name,
  uid: `uid-${name}`,
  resourceVersion: '1',
  labels: value === undefined ? {} : { 'sekisho.dev/protected': value },
  annotations: {
    ...(selector !== undefined && { [ANNOTATION.nodeSelector]: selector }),
    ...(coverageText !== undefined && { [ANNOTATION.coverage]: coverageText }),
  },
})

/** Writes what a step names into the cluster, as the loop does, until nothing is left. */
function settle(keeper: Keeper, world: World, monotonic: number, cluster = NOW + monotonic) {
  const written: string[] = []
  for (let round = 0; round < 10; round++) {
    const times = { monotonic, cluster }
    const { taint, untaint, namespaces, findings } = keeper.step(times, new Map())
    written.push(...findings.map(({ kind, action }) => `${kind} ${action}`))
    if (taint.length + untaint.length + namespaces.length === 0) return written
    for (const name of [...taint, ...untaint]) {
      const write = keeper.nodeWrite(name, times)
      if (write === undefined) continue
      const value = write.patch[1]!.op === 'remove' ? [] : (write.patch[1] as unknown as { value: KeptTaint[] }).value
      world.nodes.set(name, { ...world.nodes.get(name)!, taints: value })
      keeper.node(name, world.nodes.get(name))
      written.push(`${name} ${write.form}`, ...write.findings.map(({ kind, action }) => `${kind} ${action}`))
    }
    for (const name of namespaces) {
      const write = keeper.write(name, times)
      if (write === undefined) continue
      written.push(...write.findings.map(({ kind, action }) => `${kind} ${action}`))
      if (write.patch === undefined) continue
      const text = (write.patch as { metadata: { annotations: Record<string, string | null> } }).metadata.annotations[
        ANNOTATION.coverage
      ]
      const before = world.namespaces.get(name)!
      const { [ANNOTATION.coverage]: _, ...rest } = before.annotations
      world.namespaces.set(name, { ...before, annotations: text ? { ...rest, [ANNOTATION.coverage]: text } : rest })
      keeper.namespace(name, world.namespaces.get(name))
    }
  }
  throw new Error('it never comes to rest')
}
interface World {
  readonly nodes: Map<string, KeptNode>
  readonly pods: Map<string, boolean>
  readonly namespaces: Map<string, KeptNamespace>
}

const NAMES = ['a', 'b', 'c']
const change = fc.oneof(
  fc.record({ do: fc.constant('node' as const), name: fc.constantFrom(...NAMES), pool: fc.constantFrom('web', 'db') }),
  fc.record({ do: fc.constant('gone' as const), name: fc.constantFrom(...NAMES) }),
  fc.record({ do: fc.constant('pod' as const), name: fc.constantFrom(...NAMES), ready: fc.option(fc.boolean()) }),
  fc.record({
    do: fc.constant('namespace' as const),
    name: fc.constantFrom('shop', 'till'),
    value: fc.constantFrom('true', 'audit', undefined),
    selector: fc.constantFrom(undefined, 'pool=web', 'pool=db'),
  }),
  fc.record({ do: fc.constant('rude' as const), name: fc.constantFrom(...NAMES) }),
)

t.test('keeper: after any walk exactly the blind nodes that a protected namespace reaches are tainted', async (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const settings = config({ loss: { notReadyMinutes: 1440, notScheduledMinutes: 1440 } })
      const keeper = createKeeper(settings)
      const world: World = { nodes: new Map(), pods: new Map(), namespaces: new Map() }
      const set = daemonSet()
      keeper.daemonSet(set)
      for (const [i, one] of changes.entries()) {
        const { name } = one
        if (one.do === 'node') {
          const { taints } = world.nodes.get(name) ?? { taints: [] }
          world.nodes.set(name, kept(name, { pool: one.pool }, taints))
          keeper.node(name, world.nodes.get(name))
        } else if (one.do === 'gone') {
          world.nodes.delete(name)
          keeper.node(name, undefined)
        } else if (one.do === 'rude' && world.nodes.has(name)) {
          world.nodes.set(name, { ...world.nodes.get(name)!, taints: [] })
          keeper.node(name, world.nodes.get(name))
        } else if (one.do === 'pod') {
          const before = world.pods.get(name)
          if (one.ready === null) world.pods.delete(name)
          else world.pods.set(name, one.ready)
          const of = (ready: boolean | undefined | null) => (ready == null ? undefined : idsPod(name, { ready }))
          keeper.pod(of(before), of(one.ready))
        } else if (one.do === 'namespace') {
          const before = world.namespaces.get(name)
          world.namespaces.set(name, space(name, one.value, one.selector, before?.annotations[ANNOTATION.coverage]))
          keeper.namespace(name, world.namespaces.get(name))
        }
        settle(keeper, world, i * 1000)
        const nodes = [...world.nodes.values()]
        const idsPods = [...world.pods].map(([on, ready]) => idsPod(on, { ready }))
        const blindOf = (view: KeptNamespace) =>
          coverage({
            nodes: nodes.map((each) => ({ ...each, taints: [] })),
            idsPods,
            daemonSet: set,
            namespace: view,
            replaced: new Map(),
            settings: settings.guard,
            now: 0,
          })
        const wanted = new Set<string>()
        for (const view of world.namespaces.values()) {
          const protection = view.labels['sekisho.dev/protected']
          const text = view.annotations[ANNOTATION.coverage]
          if (protection === undefined) {
            if (text !== undefined) throw new Error(`${view.name} keeps its condition`)
            continue
          }
          const found = blindOf(view)
          const { status, reason } = JSON.parse(text ?? '{}')
          if (status !== (found.covered ? 'True' : 'False') || reason !== found.reason)
            throw new Error(`${view.name} is ${found.reason}, and says ${text}`)
          if (protection === 'true') for (const { name: blind } of found.blind) wanted.add(blind)
        }
        const tainted = nodes.filter(({ taints }) => taintForm(taints) === 'on').map((each) => each.name)
        if (tainted.sort().join() !== [...wanted].sort().join())
          throw new Error(`tainted are ${tainted}, and should be ${[...wanted]}`)
        if (nodes.some(({ taints }) => !['on', 'none'].includes(taintForm(taints)))) throw new Error('lost too early')
      }
    }),
    { numRuns: 300 },
  )
  t.pass()
})

const MINUTE = 60_000
const begin = (policy: 'remove' | 'keep', world: World) => {
  const keeper = createKeeper(config({ loss: { policy } }))
  keeper.daemonSet(daemonSet())
  for (const [name, view] of world.nodes) keeper.node(name, view)
  for (const [name, view] of world.namespaces) keeper.namespace(name, view)
  for (const [name, ready] of world.pods) keeper.pod(undefined, idsPod(name, { ready }))
  return keeper
}
const blindWorld = (): World => ({
  nodes: new Map([['a', kept('a')]]),
  pods: new Map([['a', false]]),
  namespaces: new Map([['shop', space('shop', 'true')]]),
})

for (const policy of ['remove', 'keep'] as const)
  t.test(
    `keeper: loss.policy ${policy} acts after its time, and a new leader goes on where the old one ended`,
    async (t) => {
      const world = blindWorld()
      t.same(settle(begin(policy, world), world, 0), ['a on', 'NodeBlind tainted', 'NamespaceUncovered detected'])
      const second = begin(policy, world)
      t.same(settle(second, world, 5, NOW + 6 * MINUTE), [], 'nothing is told twice')
      t.same(settle(second, world, 5 + 3 * MINUTE, NOW + 9 * MINUTE), [])
      const form = policy === 'keep' ? 'kept' : 'waived'
      t.same(settle(second, world, 5 + 4 * MINUTE, NOW + 10 * MINUTE), [`a ${form}`, `IdsLost ${form}`])
      const third = begin(policy, world)
      t.same(settle(third, world, 0, NOW + 60 * MINUTE), [])
      third.pod(idsPod('a', { ready: false }), idsPod('a'))
      t.same(settle(third, world, 1000, NOW + 61 * MINUTE), [
        'a none',
        'NodeBlind resolved',
        'IdsLost resolved',
        'NamespaceUncovered resolved',
      ])
    },
  )

t.test('keeper: a time of day that jumps neither lifts a taint nor loses a node', async (t) => {
  for (const jump of [-365, 365].map((days) => days * 24 * 60 * MINUTE)) {
    const world = blindWorld()
    const keeper = begin('remove', world)
    settle(keeper, world, 0)
    keeper.everything()
    t.same(settle(keeper, world, 1000, NOW + jump), [])
    t.equal(taintForm(world.nodes.get('a')!.taints), 'on')
  }
})

t.test('keeper: a namespace in audit taints nothing, and its Event says what would be', async (t) => {
  const world = { ...blindWorld(), namespaces: new Map([['shop', space('shop', 'audit')]]) }
  const keeper = begin('remove', world)
  t.same(settle(keeper, world, 0), [])
  t.same(keeper.nodeCounts(), { nodes: { covered: 0, gated: 0, grace: 0, blind: 0, exempt: 1 }, drift: 0 })
  t.same(
    keeper.standing({ monotonic: 0, cluster: NOW }).map(({ reason }) => reason),
    ['WouldBeUncovered'],
  )
  t.equal(keeper.counts().status.audit.False, 1)
})

t.test('keeper: break-glass is told when it opens and when its time is over', async (t) => {
  const world = blindWorld()
  const until = new Date(NOW + 60 * MINUTE).toISOString()
  const view = space('shop', 'true')
  const open = { ...view.annotations, [ANNOTATION.breakGlass]: JSON.stringify({ why: 'a test', until }) }
  world.namespaces.set('shop', { ...view, annotations: open })
  const keeper = begin('keep', world)
  t.ok(settle(keeper, world, 0).includes('BreakGlassOpen opened'))
  t.equal(keeper.counts().breakGlass, 1)
  const { again } = keeper.step({ monotonic: 1, cluster: NOW + 1 }, new Map())
  t.ok(again !== undefined && again <= 60 * MINUTE)
  t.same(settle(begin('keep', world), world, 0, NOW + MINUTE), [], 'a new leader tells nothing twice')
  t.ok(settle(keeper, world, 61 * MINUTE).includes('BreakGlassOpen resolved'))
})

t.test('keeper: an annotation that somebody else wrote keeps no finding quiet', async (t) => {
  const world = blindWorld()
  const keeper = begin('keep', world)
  settle(keeper, world, 0)
  const until = new Date(NOW + 60 * MINUTE).toISOString()
  const limited = JSON.stringify({ why: 'a test', until })
  const told = JSON.parse(world.namespaces.get('shop')!.annotations[ANNOTATION.coverage]!)
  const forged = JSON.stringify({ ...told, open: `break-glass until ${until.replace('.000Z', 'Z')}` })
  const view = space('shop', 'true', undefined, forged)
  const opened = { ...view, annotations: { ...view.annotations, [ANNOTATION.breakGlass]: limited } }
  world.namespaces.set('shop', opened)
  keeper.namespace('shop', opened)
  t.same(settle(keeper, world, 1000), ['BreakGlassOpen opened'])
  // Made with everything at once, so that no change is ever seen.
  world.namespaces.set('till', { ...opened, name: 'till', uid: 'uid-till' })
  keeper.namespace('till', world.namespaces.get('till'))
  t.same(settle(keeper, world, 2000), ['NamespaceUncovered detected', 'BreakGlassOpen opened'])
})

t.test(
  'keeper: what was open in audit is told when the namespace becomes protected, and is over when it is not',
  async (t) => {
    const world = blindWorld()
    const until = new Date(NOW + 60 * MINUTE).toISOString()
    const keeper = begin('keep', world)
    const set = (value: string | undefined) => {
      const view = space('shop', value, undefined, world.namespaces.get('shop')?.annotations[ANNOTATION.coverage])
      const open = { ...view.annotations, [ANNOTATION.breakGlass]: JSON.stringify({ why: 'a test', until }) }
      world.namespaces.set('shop', { ...view, annotations: open })
      keeper.namespace('shop', world.namespaces.get('shop'))
      return settle(keeper, world, 0).filter((text) => text.includes(' ') && !text.startsWith('a '))
    }
    const opened = ['NodeBlind tainted', 'NamespaceUncovered detected', 'BreakGlassOpen opened'].sort()
    const over = ['NodeBlind resolved', 'NamespaceUncovered resolved', 'BreakGlassOpen resolved'].sort()
    t.same(set('audit'), [])
    t.same(set('true').sort(), opened)
    t.same(set('audit').sort(), over)
    t.same(set('true').sort(), opened)
    t.same(set(undefined).sort(), over)
  },
)

t.test('keeper: an annotation that was damaged neither stops it nor stays', async (t) => {
  const good = {
    type: 'Covered',
    status: 'False',
    reason: 'x',
    message: 'x',
    lastTransitionTime: '2030-01-01T00:00:00Z',
  }
  const long = `2030-01-01T00:00:00Z (${'x'.repeat(10_000)})`
  for (const text of [
    'null',
    '[]',
    JSON.stringify({ ...good, open: 5 }),
    JSON.stringify({ ...good, open: ['break-glass until x'] }),
    JSON.stringify({ ...good, lastTransitionTime: ['2030-01-01T00:00:00Z'] }),
    JSON.stringify({ ...good, lastTransitionTime: long }),
  ]) {
    const world = blindWorld()
    world.namespaces.set('shop', space('shop', 'true', undefined, text))
    const keeper = begin('keep', world)
    t.ok(settle(keeper, world, 0).includes('NamespaceUncovered detected'), text.slice(0, 60))
    const { lastTransitionTime } = JSON.parse(world.namespaces.get('shop')!.annotations[ANNOTATION.coverage]!)
    t.equal(Date.parse(lastTransitionTime), NOW)
  }
})

t.test('keeper: what stood about a node or a namespace that is gone is resolved', async (t) => {
  const world = blindWorld()
  const keeper = begin('keep', world)
  t.same(settle(keeper, world, 0), ['a on', 'NodeBlind tainted', 'NamespaceUncovered detected'])
  keeper.node('a', undefined)
  world.nodes.delete('a')
  t.same(settle(keeper, world, 1000), ['NodeBlind resolved'], 'without any node it is no less uncovered')
  keeper.namespace('shop', undefined)
  world.namespaces.delete('shop')
  t.same(settle(keeper, world, 2000), ['NamespaceUncovered resolved'])
  t.same(settle(keeper, world, 3000), [])
})

t.test('keeper: nodes no IDS is meant for are never tainted, and their namespace is told', async (t) => {
  const world = blindWorld()
  world.nodes.set('a', { ...kept('a'), operatingSystem: 'windows' })
  t.same(settle(begin('remove', world), world, 0), ['NamespaceUncovered detected'])
  for (const set of [
    daemonSet({ nodeSelector: { pool: 'x' } }),
    // With our taint it could never start there.
    daemonSet({ tolerations: [] }),
    { ...daemonSet(), affinity: [{ matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: ['a'] }] }] },
  ]) {
    const other = blindWorld()
    const keeper = begin('remove', other)
    keeper.daemonSet(set)
    t.same(settle(keeper, other, 0), ['NamespaceUncovered detected'])
  }
})
