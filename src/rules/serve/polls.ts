/**
 * What is answered to whom. Knows tokens, shelf and registry; no sockets.
 *
 *   token ─ 401 ─► its Pod ─ 403 ─► its report ─ 400 ─► heard ─► what it should run ─► 200 or 304
 *                     └─► a bundle of its namespace ─► 200 or 404
 *   token of the service itself ─ 403 ─► what was heard since
 */
import type { Check } from '../../admission/readiness.ts'
import type { PodFact, Shelf, Wanted } from '../model.ts'
import { runsIt } from './current.ts'
import { ServeError } from './errors.ts'
import type { HeardRegistry, Summary } from './heard.ts'
import { parseReport } from './report.ts'
import type { Tokens } from './tokens.ts'

/** The ServiceAccount of `sekisho rules` itself. */
export interface Service {
  readonly namespace: string
  readonly serviceAccount: string
}
export interface PollsOptions {
  readonly shelf: Shelf
  readonly tokens: Tokens
  readonly heard: HeardRegistry
  readonly service: Service
  /** Why the shelf is not complete: what it does not have would be told as if it were not there. */
  readonly known: Check
  /** Seconds, as Pods are told. */
  readonly interval: () => number
}
export type Answer =
  | { readonly answer: 'changed'; readonly wanted: Wanted }
  | { readonly answer: 'unchanged'; readonly wanted: Wanted }
  | { readonly answer: 'nothing' }

type Header = string | undefined

export interface Polls {
  /** @throws {ServeError} */
  current(authorization: Header, ifNoneMatch: Header, report: string | readonly string[] | undefined): Promise<Answer>
  /** @throws {ServeError} */
  bundle(authorization: Header, generation: string): Promise<{ readonly bundle: Uint8Array; readonly uid: string }>
  /** @throws {ServeError} */
  heardSince(authorization: Header, since: unknown): Promise<Summary>
}

const GENERATION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/

export const createPolls = ({ shelf, tokens, heard, service, known, interval }: PollsOptions): Polls => {
  const podOf = async (authorization: Header): Promise<PodFact> => {
    const { namespace, pod } = await tokens.identify(authorization)
    if (pod === undefined) throw new ServeError('TokenNotOfPod')
    const problem = known()
    if (problem !== undefined) throw new ServeError('NotKnownYet', `Cannot tell which Pods are protected: ${problem}.`)
    const fact = shelf.pod(namespace, pod.name, pod.uid)
    if (fact === undefined) throw new ServeError('PodUnknown')
    return fact
  }
  return {
    current: async (authorization, ifNoneMatch, report) => {
      const pod = await podOf(authorization)
      const said = heard.record(pod, parseReport(report), interval())
      const wanted = shelf.wanted(pod, said)
      if (wanted === undefined) return { answer: 'nothing' }
      return { answer: runsIt(ifNoneMatch, wanted) ? 'unchanged' : 'changed', wanted }
    },
    bundle: async (authorization, generation) => {
      const { namespace, uid } = await podOf(authorization)
      const bundle = GENERATION.test(generation) ? shelf.bundle(namespace, generation) : undefined
      if (bundle === undefined) throw new ServeError('BundleUnknown')
      return { bundle, uid }
    },
    heardSince: async (authorization, since) => {
      const { namespace, serviceAccount } = await tokens.identify(authorization)
      if (namespace !== service.namespace || serviceAccount !== service.serviceAccount)
        throw new ServeError('PeerUnknown')
      return heard.since(typeof since === 'string' ? since : undefined)
    },
  }
}
