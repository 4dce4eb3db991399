/** Verdicts about namespaces, as a table: what is asked, what is known, what is answered. */
import t from 'tap'
import type { KubeObject } from '../../src/api/kube.ts'
import { coverage } from '../../src/guard/coverage.ts'
import { judgeNamespace, type NamespaceFacts, namespaceNeeds } from '../../src/guard/namespace.ts'
import { type NamespaceRequest, namespaceChange } from '../../src/guard/namespace-change.ts'
import { input, NOW, node, settings } from './parts.ts'

type Keys = Record<string, string>
const PSA = 'pod-security.kubernetes.io/enforce'
const SAFE = { [PSA]: 'restricted' }
const ON = { 'sekisho.dev/protected': 'true', ...SAFE }
const AUDIT = { 'sekisho.dev/protected': 'audit' }
const ns = (labels: Keys = {}, annotations: Keys = {}, more = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'shop', labels, annotations, ...more },
})
const create = (object: KubeObject): NamespaceRequest => ({
  operation: 'CREATE',
  object,
  oldObject: null,
  user: { username: 'jane' },
  settings,
  now: NOW,
})
const update = (oldObject: KubeObject, object: KubeObject, username = 'jane'): NamespaceRequest => ({
  ...create(object),
  operation: 'UPDATE',
  oldObject,
  user: { username },
})

const covered = coverage(input())
const blind = coverage(input({ nodes: [node('a'), node('b')] }))
const FINE: NamespaceFacts = { coverage: covered, hostNetworkPods: [], mayOpen: false }
const BLIND: NamespaceFacts = { ...FINE, coverage: blind }
const OPENER: NamespaceFacts = { ...FINE, mayOpen: true }
const allowUncovered = (until = '2026-05-02T12:00:00Z') => ({
  'sekisho.dev/allow-uncovered': JSON.stringify({ why: 'moving nodes', until }),
})
const breakGlass = (until = '2026-05-02T12:00:00Z') => ({
  'sekisho.dev/break-glass': JSON.stringify({ why: 'the IDS is down', until }),
})
const CASES: readonly [string, NamespaceRequest, NamespaceFacts, string][] = [
  ['a namespace that asks for nothing', create(ns()), BLIND, 'allow NotConcerned'],
  ['a protected one on covered nodes', create(ns(ON)), FINE, 'allow Protected'],
  ['a protected one on a blind node', create(ns(ON)), BLIND, 'deny NodesNotCovered'],
  [
    'a protected one without Pod Security',
    create(ns({ 'sekisho.dev/protected': 'true' })),
    FINE,
    'deny PodSecurityMissing',
  ],
  ['a protected one with privileged', create(ns({ ...ON, [PSA]: 'privileged' })), FINE, 'deny PodSecurityUnsafe'],
  [
    'a protected one with a level nobody knows',
    create(ns({ ...ON, [PSA]: 'constructor' })),
    FINE,
    'deny PodSecurityUnsafe',
  ],
  ['a protected one with baseline', create(ns({ ...ON, [PSA]: 'baseline' })), FINE, 'allow Protected'],
  ['audit tells and lets through', create(ns(AUDIT)), BLIND, 'allow AuditOnly'],
  ['an unknown value', create(ns({ ...SAFE, 'sekisho.dev/protected': 'yes' })), FINE, 'deny InvalidValue'],
  ['an empty value', create(ns({ ...SAFE, 'sekisho.dev/protected': '' })), FINE, 'deny InvalidValue'],
  ['false is no value either', create(ns({ 'sekisho.dev/protected': 'false' })), FINE, 'deny InvalidValue'],
  ['the WAF label of a Pod', create(ns({ 'sekisho.dev/waf': 'off' })), FINE, 'deny InvalidValue'],
  ['the WAF label', create(ns({ 'sekisho.dev/waf': 'block' })), BLIND, 'allow Accepted'],
  [
    'a selector that cannot be read',
    create(ns(ON, { 'sekisho.dev/node-selector': 'a in (b)' })),
    FINE,
    'deny InvalidNodeSelector',
  ],

  ['protection for a namespace that is there', update(ns(SAFE), ns(ON)), FINE, 'allow Protected'],
  [
    'the same with Pods on hostNetwork',
    update(ns(SAFE), ns(ON)),
    { ...FINE, hostNetworkPods: ['x'] },
    'deny HostNetworkPods',
  ],
  ['audit becomes true on a blind node', update(ns({ ...AUDIT, ...SAFE }), ns(ON)), BLIND, 'deny NodesNotCovered'],
  [
    'something else changes while a node is blind',
    update(ns(ON), ns({ ...ON, team: 'a' })),
    BLIND,
    'allow NotConcerned',
  ],
  [
    'the selector changes, and with it the reach',
    update(ns(ON), ns(ON, { 'sekisho.dev/node-selector': 'pool=b' })),
    BLIND,
    'deny NodesNotCovered',
  ],
  [
    'an old unknown value stays as it was',
    update(ns({ 'sekisho.dev/protected': 'yes' }), ns({ 'sekisho.dev/protected': 'yes', 'sekisho.dev/waf': 'block' })),
    FINE,
    'allow Accepted',
  ],
  [
    'the only change is that an old unknown value goes',
    update(ns({ 'sekisho.dev/protected': 'yes' }), ns()),
    FINE,
    'allow Accepted',
  ],

  ['the label is taken off', update(ns(ON), ns(SAFE)), FINE, 'deny MayNotOpen'],
  ['the label is taken off by who may', update(ns(ON), ns(SAFE)), OPENER, 'allow Opened'],
  ['true becomes audit', update(ns(ON), ns({ ...ON, ...AUDIT })), FINE, 'deny MayNotOpen'],
  [
    'true becomes a word nobody knows',
    update(ns(ON), ns({ ...ON, 'sekisho.dev/protected': 'TRUE' })),
    OPENER,
    'deny InvalidValue',
  ],
  [
    'block becomes detect',
    update(ns({ 'sekisho.dev/waf': 'block' }), ns({ 'sekisho.dev/waf': 'detect' })),
    FINE,
    'deny MayNotOpen',
  ],
  [
    'detect becomes block',
    update(ns({ 'sekisho.dev/waf': 'detect' }), ns({ 'sekisho.dev/waf': 'block' })),
    BLIND,
    'allow Accepted',
  ],
  ['the WAF label is taken off', update(ns({ ...ON, 'sekisho.dev/waf': 'block' }), ns(ON)), FINE, 'deny MayNotOpen'],
  ['Pod Security goes', update(ns(ON), ns({ 'sekisho.dev/protected': 'true' })), FINE, 'deny MayNotOpen'],
  ['restricted becomes baseline', update(ns(ON), ns({ ...ON, [PSA]: 'baseline' })), FINE, 'deny MayNotOpen'],
  ['baseline becomes restricted', update(ns({ ...ON, [PSA]: 'baseline' }), ns(ON)), BLIND, 'allow NotConcerned'],
  ['Pod Security goes in audit', update(ns({ ...AUDIT, ...SAFE }), ns(AUDIT)), FINE, 'allow Accepted'],
  [
    'Pod Security goes where nothing is protected',
    update(ns({ ...SAFE, 'sekisho.dev/waf': 'block' }), ns({ 'sekisho.dev/waf': 'block' })),
    FINE,
    'allow NotConcerned',
  ],
  ['protection and Pod Security go together, by who may', update(ns(ON), ns()), OPENER, 'allow Opened'],

  ['the override without the right', create(ns(ON, allowUncovered())), BLIND, 'deny MayNotOpen'],
  [
    'the override with the right',
    create(ns(ON, allowUncovered())),
    { ...BLIND, mayOpen: true },
    'allow UncoveredAllowed',
  ],
  ['the override where nothing is blind', create(ns(ON, allowUncovered())), OPENER, 'allow Opened'],
  [
    'the override does not stand for Pod Security',
    create(ns({ 'sekisho.dev/protected': 'true' }, allowUncovered())),
    { ...BLIND, mayOpen: true },
    'deny PodSecurityMissing',
  ],
  [
    'the override for too long',
    create(ns(ON, allowUncovered('2026-05-05T12:00:00Z'))),
    OPENER,
    'deny InvalidAllowUncovered',
  ],
  [
    'the override in the past',
    create(ns(ON, allowUncovered('2026-05-01T11:59:59Z'))),
    OPENER,
    'deny InvalidAllowUncovered',
  ],
  [
    'the override without JSON',
    create(ns(ON, { 'sekisho.dev/allow-uncovered': 'true' })),
    OPENER,
    'deny InvalidAllowUncovered',
  ],
  [
    'the override put there before, used now',
    update(ns(SAFE, allowUncovered()), ns(ON, allowUncovered())),
    BLIND,
    'deny MayNotOpen',
  ],
  ['the override taken away', update(ns(ON, allowUncovered()), ns(ON)), BLIND, 'allow Accepted'],
  ['the glass broken without the right', update(ns(ON), ns(ON, breakGlass())), FINE, 'deny MayNotOpen'],
  ['the glass broken by who may', update(ns(ON), ns(ON, breakGlass())), OPENER, 'allow Opened'],
  [
    'the glass broken at once, all blind',
    create(ns(ON, breakGlass())),
    { ...BLIND, mayOpen: true },
    'allow GlassBroken',
  ],
  [
    'the glass broken for more than a day',
    update(ns(ON), ns(ON, breakGlass('2026-05-02T12:00:01Z'))),
    OPENER,
    'deny InvalidBreakGlass',
  ],
  [
    'the glass held broken for longer, without the right',
    update(ns(ON, breakGlass('2026-05-01T13:00:00Z')), ns(ON, breakGlass())),
    FINE,
    'deny MayNotOpen',
  ],
  [
    'the glass put there before, used now',
    update(ns(SAFE, breakGlass()), ns(ON, breakGlass())),
    BLIND,
    'deny MayNotOpen',
  ],
  [
    'a broken glass does not stand for Pod Security',
    create(ns({ 'sekisho.dev/protected': 'true' }, breakGlass())),
    { ...BLIND, mayOpen: true },
    'deny PodSecurityMissing',
  ],
  ['the glass mended', update(ns(ON, breakGlass()), ns(ON)), BLIND, 'allow Accepted'],
  [
    'a label beside a broken glass that is over',
    update(ns(ON, breakGlass('2026-05-01T11:00:00Z')), ns({ ...ON, team: 'a' }, breakGlass('2026-05-01T11:00:00Z'))),
    BLIND,
    'allow NotConcerned',
  ],
  [
    'what the guard tells of coverage',
    update(ns(ON), ns(ON, { 'sekisho.dev/coverage': '{}' })),
    BLIND,
    'allow NotConcerned',
  ],

  [
    'what is being deleted',
    update(ns(ON), ns({}, {}, { deletionTimestamp: '2026-05-01T00:00:00Z' })),
    FINE,
    'allow NotConcerned',
  ],
  [
    'the namespace controller',
    update(ns(ON), ns(), 'system:serviceaccount:kube-system:namespace-controller'),
    FINE,
    'allow NotConcerned',
  ],
  [
    'the garbage collector',
    update(ns(ON), ns(), 'system:serviceaccount:kube-system:generic-garbage-collector'),
    FINE,
    'allow NotConcerned',
  ],
  [
    'a user who only sounds like it',
    update(ns(ON), ns(), 'system:serviceaccount:shop:namespace-controller'),
    FINE,
    'deny MayNotOpen',
  ],
  [
    'a deletion',
    { ...create(ns(ON)), operation: 'DELETE', object: null, oldObject: ns(ON) },
    FINE,
    'allow NotConcerned',
  ],
]

t.test('judgeNamespace answers each case of the table', async (t) => {
  for (const [name, request, facts, expected] of CASES) {
    const verdict = judgeNamespace(request, facts)
    t.equal(`${verdict.verdict} ${verdict.reason}`, expected, name)
  }
})

t.test('judgeNamespace never answers yes without what it has to know', async (t) => {
  for (const [name, request, , expected] of CASES) {
    const needs = namespaceNeeds(namespaceChange(request))
    const asks = needs.coverage || needs.hostNetworkPods || needs.mayOpen
    if (asks) t.throws(() => judgeNamespace(request, {}), /was not looked up/, name)
    else t.equal(`${judgeNamespace(request, {}).verdict} ${judgeNamespace(request, {}).reason}`, expected, name)
  }
})

t.test('judgeNamespace says what, why and what mends it, one line each', async (t) => {
  const said = (request: NamespaceRequest, facts: NamespaceFacts) => judgeNamespace(request, facts).detail.split('\n')
  t.same(said(create(ns({ 'sekisho.dev/protected': 'true' })), FINE), [
    'namespace shop is refused: its Pods could use hostNetwork',
    'it enforces no Pod Security level (pod-security.kubernetes.io/enforce is absent)',
    'to mend: kubectl label --local -f FILE -o yaml pod-security.kubernetes.io/enforce=restricted | kubectl apply -f -',
  ])
  t.same(said(update(ns({ [PSA]: 'privileged' }), ns({ ...ON, [PSA]: 'privileged' })), FINE), [
    'namespace shop is refused: its Pods could use hostNetwork',
    'pod-security.kubernetes.io/enforce is "privileged", and only "baseline" and "restricted" forbid it',
    'to mend: kubectl label namespace shop --overwrite pod-security.kubernetes.io/enforce=restricted',
  ])
  t.same(said(create(ns(ON)), BLIND), [
    'namespace shop is refused: 1 of the 2 nodes its Pods can run on is blind',
    'node b: no Pod of the IDS DaemonSet sekisho-node/sekisho-ids is there',
    'to mend: kubectl -n sekisho-node describe daemonset sekisho-ids',
  ])
  t.same(said(update(ns(SAFE), ns(ON)), { ...FINE, hostNetworkPods: ['pod-a', 'b', 'c', 'd'] }), [
    'namespace shop is refused: pod-a (and 3 other Pods) are on hostNetwork',
    "their traffic is the node's: neither the WAF nor the IDS can tell it apart",
    'to mend: move or delete what this lists: kubectl -n shop get pods --field-selector spec.hostNetwork=true',
  ])
  t.same(said(update(ns(ON), ns(SAFE)), FINE), [
    'namespace shop is refused: this change takes sekisho.dev/protected away',
    'it takes protection away, and jane has no right to (verb open on wafpolicies.sekisho.dev)',
    'to mend: leave it as it is, or ask somebody for whom this says yes: kubectl -n shop auth can-i open wafpolicies.sekisho.dev',
  ])
})

t.test('judgeNamespace tells everything else that is wrong as warnings of one line', async (t) => {
  const verdict = judgeNamespace(create(ns({ 'sekisho.dev/protected': 'true', 'sekisho.dev/protectd': 'true' })), BLIND)
  t.match(verdict, { verdict: 'deny', reason: 'NodesNotCovered' })
  t.equal(verdict.warnings.length, 2)
  t.match(verdict.warnings[0], /knows no key sekisho.dev\/protectd/)
  t.match(verdict.warnings[1], /hostNetwork.*to mend: kubectl label --local/)
  for (const line of verdict.warnings) t.notMatch(line, /\n/)
  const audit = judgeNamespace(create(ns(AUDIT)), BLIND)
  t.equal(audit.warnings.length, 2)
  for (const line of audit.warnings) t.match(line, /^would be refused with sekisho.dev\/protected: "true": /)
})
