/**
 * The validating call's look at a Pod that is being made. A Pod's word is not trusted: it is rendered again, and what rendering would
 * still change is what somebody changed after us.
 */
import { allow, deny, type Verdict } from '../api/verdict.ts'
import { refusal } from '../guard/wording.ts'
import { decide } from './inject.ts'
import type { InjectInput, RulesTrust } from './input.ts'
import { note, sentence, wordsOf } from './note.ts'
import { podSubject } from './subject.ts'

/**
 * Allows what needs no further change. Services and NetworkPolicies are weighed once more: one that was made beside the Pod may have
 * been unknown in the mutating call, and did not see the Pod either.
 * @param before what else a Pod may have been told of `sekisho rules`: the mutating call may have been answered by another replica,
 * or just before a change.
 */
export function verifyPod(input: InjectInput, before: readonly (RulesTrust | undefined)[] = []): Verdict {
  const verdict = verify(input)
  if (verdict.reason !== 'SidecarsDiffer') return verdict
  for (const rulesTrust of before) {
    const earlier = verify({ ...input, rulesTrust })
    if (earlier.reason !== 'SidecarsDiffer') return earlier
  }
  return verdict
}

function verify(input: InjectInput): Verdict {
  const { verdict, differences } = decide(input, 'later-fields')
  if (verdict.verdict === 'deny') return verdict
  const patched = (verdict.patch ?? []).map(({ path }) => path.slice(1).replaceAll('~1', '/'))
  if (patched.length === 0) return allow('Verified', sentence(note('Verified')))
  const [first = patched[0]!] = differences
  const differ = note('SidecarsDiffer', { first })
  const subject = input.subject ?? podSubject(input.pod, input.namespace.name)
  return deny(differ.code, refusal(wordsOf(differ, subject, subject.refused)))
}
