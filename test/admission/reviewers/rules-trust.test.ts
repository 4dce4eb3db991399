/** `validate pods` and what Pods are told: before a Pod is refused for it, the cluster itself is asked. */
import tap from 'tap'
import { podMutateReviewer } from '../../../src/admission/reviewers/pod-mutate.ts'
import { podValidateReviewer } from '../../../src/admission/reviewers/pod-validate.ts'
import type { RulesTrustSource } from '../../../src/admission/rules-trust.ts'
import type { Pod } from '../../../src/api/kube.ts'
import { allow } from '../../../src/api/verdict.ts'
import { applied } from '../../../src/inject/patch.ts'
import { BLOCK, HTTP, namespaceWith, podWith, SETTINGS, trustOf, VERSION } from '../../inject/fixtures.ts'

const reader = {
  namespace: () => namespaceWith(BLOCK),
  liveNamespace: async () => namespaceWith(BLOCK),
  services: () => [],
  networkPolicies: () => [],
  protectedPods: async () => [],
  protectedPod: async () => null,
}
const contextOf = (rulesTrust?: RulesTrustSource) => ({
  reader,
  settings: SETTINGS,
  version: VERSION,
  ...(rulesTrust && { rulesTrust }),
})
const review = (object: Pod) => ({
  uid: 'u',
  kind: { group: '', version: 'v1', kind: 'Pod' },
  resource: { group: '', version: 'v1', resource: 'pods' },
  subResource: '',
  name: '',
  namespace: 'shop',
  operation: 'CREATE' as const,
  userInfo: { username: 'alice' },
  object,
  oldObject: null,
  dryRun: false,
})
const nothing = async () => ({ verdict: allow('Fine', 'fine'), glassBroken: false })
const signal = AbortSignal.timeout(60_000)
const told = (name: string): RulesTrustSource => ({ snapshot: () => ({ current: trustOf(name), recent: [] }) })

const made = async (source: RulesTrustSource): Promise<Pod> => {
  const pod = podWith({ ports: HTTP })
  const verdict = await podMutateReviewer(contextOf(source), nothing)(review(pod), signal)
  if (verdict.verdict === 'deny') throw new Error(verdict.detail)
  return applied(pod, verdict.patch ?? [])
}

tap.test('a Pod made by a replica that is ahead is looked at once more, live', async (t) => {
  const pod = await made(told('B'))
  let asked = 0
  const behind = (live: RulesTrustSource['live']): RulesTrustSource => ({ ...told('A'), ...(live && { live }) })
  const judge = (source: RulesTrustSource) => podValidateReviewer(contextOf(source), nothing)(review(pod), signal)
  const live = async () => {
    asked += 1
    return trustOf('B')
  }
  t.match(await judge(behind(live)), { verdict: 'allow', reason: 'Verified' })
  t.match(await judge(behind(undefined)), { verdict: 'deny', reason: 'SidecarsDiffer' })
  t.match(await judge(behind(async () => trustOf('C'))), { verdict: 'deny', reason: 'SidecarsDiffer' })
  const failing = async () => {
    throw new Error('no answer')
  }
  t.match(await judge(behind(failing)), { verdict: 'deny', reason: 'SidecarsDiffer' }, 'no answer opens nothing')
  t.equal(asked, 1)
  t.match(await judge({ ...told('B'), live }), { verdict: 'allow' })
  t.equal(asked, 1, 'a Pod that is right costs no question')
})
