/** What is told to the cluster, from the facts and the verdict on them. */
import type { IdsReport } from '../../api/ids.ts'
import type { IdsFacts } from './facts.ts'
import type { IdsVerdict } from './judge.ts'

/** @param blindSpots sentences of `sekisho-ids` */
export const reportOf = (
  facts: IdsFacts,
  { ready, check, detail }: IdsVerdict,
  blindSpots: readonly string[],
  version: string,
): IdsReport => ({
  v: 1,
  ready,
  check,
  detail,
  rules: {
    loaded: facts.counts?.loaded ?? 0,
    failed: facts.counts?.failed ?? 0,
    set: facts.rules.set,
    ageHours: Math.round((facts.now - (facts.rules.confirmedAt ?? facts.now)) / 360) / 10,
  },
  interfaces: facts.interfaces.map(({ name, drops, canary }) => ({
    name,
    packets: drops.at(-1)?.packets ?? 0,
    drops: drops.at(-1)?.drops ?? 0,
    canary: canary.caughtAt === undefined ? -1 : Math.round(facts.now - canary.caughtAt),
  })),
  blindSpots,
  version,
})
