/**
 * A Pod in, a verdict with a patch out. Pure: the same input gives the same bytes, and the result given in again gives an empty patch,
 * so `reinvocationPolicy: IfNeeded` is safe.
 */
import type { PatchOperation, Pod } from '../api/kube.ts'
import { LABEL } from '../api/names.ts'
import { type Allowed, allow, deny, type Verdict } from '../api/verdict.ts'
import { refusal, warning } from '../guard/wording.ts'
import { changesFor, type Wanted } from './changes.ts'
import type { Entry } from './entries.ts'
import type { InjectInput } from './input.ts'
import { isMirror } from './mirror.ts'
import { missingNodeSelector } from './node-selector.ts'
import { type Note, note, type Subject, sentence, warningOf, wordsOf } from './note.ts'
import { applied } from './patch.ts'
import { type Plan, planFor } from './plan.ts'
import type { Tolerance } from './same.ts'
import { readPod, type WellFormed } from './shape.ts'
import { sidecarsOf } from './sidecars.ts'
import { injectedStatus, skippedStatus } from './status.ts'
import { podSubject } from './subject.ts'

const refused = (it: Note, subject: Subject): Verdict => deny(it.code, refusal(wordsOf(it, subject, subject.refused)))

function wantedBy(
  pod: WellFormed,
  plan: Exclude<Plan, { kind: 'refuse' }>,
  input: InjectInput,
): Omit<Wanted, 'nodeSelector'> {
  const { settings, version, rulesTrust } = input
  const nothing = { captures: [], imagePullSecrets: [] }
  if (plan.kind === 'bare') return nothing
  if (plan.kind === 'skip') return { ...nothing, status: skippedStatus(plan.note, version) }
  const { captures } = plan.captures
  return {
    captures,
    sidecars: sidecarsOf(plan.mode, captures, pod.metadata?.annotations ?? {}, settings, rulesTrust),
    status: injectedStatus(plan, settings, version),
    imagePullSecrets: settings.imagePullSecrets,
  }
}

function answer(plan: Exclude<Plan, { kind: 'refuse' }>, subject: Subject): Omit<Allowed, 'patch'> {
  if (plan.kind === 'bare') return allow(plan.note.code, sentence(plan.note))
  if (plan.kind === 'skip')
    return allow(plan.note.code, sentence(plan.note), [warning(wordsOf(plan.note, subject, subject.unprotected))])
  const ports = plan.captures.captures.map(({ name, port }) => `${name} (${port})`).join(', ')
  const done = note('Injected', { ports, mode: plan.mode })
  return allow(
    done.code,
    sentence(done),
    plan.notes.map((it) => warningOf(it, subject)),
  )
}

const withPatch = (verdict: Omit<Allowed, 'patch'>, pod: Pod, patch: readonly PatchOperation[]): Allowed => {
  applied(pod, patch)
  return Object.freeze({ ...verdict, patch })
}

interface Decided {
  readonly pod: WellFormed
  readonly entries: readonly Entry[]
  readonly plan: Exclude<Plan, { kind: 'refuse' }>
}

export interface Decision {
  readonly verdict: Verdict
  /** What of ours was there and not as it should be. */
  readonly differences: readonly string[]
}
const decided = (verdict: Verdict, differences: readonly string[] = []): Decision => ({ verdict, differences })

/** The verdict with its patch. `tolerance` is `strict` in the mutating call; see same.ts. */
export function decide(input: InjectInput, tolerance: Tolerance): Decision {
  const read = readPod(input.pod)
  if ('fault' in read) return decided(refused(read.fault, input.subject ?? podSubject({}, input.namespace.name)))
  const { pod } = read
  const subject = input.subject ?? podSubject(pod, input.namespace.name)
  if (isMirror(pod, input.user)) return decided(allow('MirrorPod', sentence(note('MirrorPod'))))
  const selector = missingNodeSelector(pod, input.namespace, input.glassBroken === true)
  if ('problem' in selector) return decided(refused(selector.problem, subject))
  const { entries, plan } = planFor(pod, input)
  if (plan.kind === 'refuse') return decided(refused(plan.note, subject))
  const decision = carryOut({ pod, entries, plan }, selector.missing, input, tolerance, subject)
  return selector.audit === undefined ? decision : audited(decision, selector.audit, subject)
}

/** What a namespace in `audit` would have refused. */
function audited({ verdict, differences }: Decision, it: Note, subject: Subject): Decision {
  if (verdict.verdict === 'deny') return { verdict, differences }
  const words = `would be refused with ${LABEL.protected}: "true": ${warning(wordsOf(it, subject, subject.refused))}`
  return { verdict: { ...verdict, warnings: [...verdict.warnings, words], wouldRefuse: [it.code] }, differences }
}

function carryOut(
  { pod, entries, plan }: Decided,
  nodeSelector: Wanted['nodeSelector'],
  input: InjectInput,
  tolerance: Tolerance,
  subject: Subject,
): Decision {
  const wanted = { ...wantedBy(pod, plan, input), nodeSelector }
  const { operations, differences } = changesFor(pod, entries, wanted, tolerance)
  return decided(withPatch(answer(plan, subject), pod, operations), differences)
}

/** Decides about a Pod that is being made. */
export const inject = (input: InjectInput): Verdict => decide(input, 'strict').verdict
