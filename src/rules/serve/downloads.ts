/**
 * How many bundles are on their way at once: each is held encrypted in memory until its reader has taken it. A Pod needs one; one that asks for
 * many and reads none must not take the places of others.
 */
export interface Downloads {
  /** Call what is returned when it is over; undefined where there are too many. */
  begin(uid: string): (() => void) | undefined
}
export interface DownloadLimits {
  readonly downloads: number
  readonly downloadsOfOnePod: number
}

export const countDownloads = ({ downloads, downloadsOfOnePod }: DownloadLimits): Downloads => {
  const under = new Map<string, number>()
  let all = 0
  return {
    begin: (uid) => {
      const count = under.get(uid) ?? 0
      if (all >= downloads || count >= downloadsOfOnePod) return undefined
      all++
      under.set(uid, count + 1)
      let over = false
      return () => {
        if (over) return
        over = true
        all--
        const left = (under.get(uid) ?? 1) - 1
        if (left === 0) under.delete(uid)
        else under.set(uid, left)
      }
    },
  }
}
