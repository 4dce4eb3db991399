/**
 * The API server's time, from the `Date` of its answers, carried on by a clock that only rises: whatever happens to the time of day of the
 * machine we run on moves nothing here. Good to a second, which is what timestamps of the API have.
 */
import type { ApiClient } from '../../cluster/api-client.ts'

export interface ClusterTime {
  /** ms since the epoch; undefined until it was asked. */
  now(): number | undefined
  /** How far the time of day of this machine is ahead, in seconds; 0 until it was asked. */
  aheadSeconds(): number
  ask(signal: AbortSignal): Promise<void>
}

/** @param monotonic milliseconds that only rise. @param timeOfDay what this machine holds for the time */
export function createClusterTime(
  client: Pick<ApiClient, 'open'>,
  monotonic: () => number,
  timeOfDay: () => number,
): ClusterTime {
  let offset: number | undefined
  return {
    now: () => (offset === undefined ? undefined : offset + monotonic()),
    aheadSeconds: () => (offset === undefined ? 0 : Math.round((timeOfDay() - offset - monotonic()) / 1000)),
    ask: async (signal) => {
      const sent = monotonic()
      const response = await client.open('/version', { signal })
      response.resume()
      const date = Date.parse(response.headers.date ?? '')
      if (Number.isNaN(date)) throw new Error('the API server’s answer bears no Date')
      // The answer's own second began up to a second ago.
      offset = date + 500 - (sent + monotonic()) / 2
    },
  }
}
