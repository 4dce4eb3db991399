/**
 * Asks each address ten times a second, from the network of the node in which it is started, until its stdin ends; then prints what came of it.
 *   visitor.ts URL …
 */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Visits {
  readonly url: string
  answered: number
  /** When a request failed, ms since the epoch, and how. */
  readonly failed: { readonly at: number; readonly why: string }[]
}

const LIMIT_MS = 3000
let over = false
process.stdin.on('end', () => {
  over = true
})
process.stdin.resume()

async function visit(url: string): Promise<Visits> {
  const visits: Visits = { url, answered: 0, failed: [] }
  while (!over) {
    const at = Date.now()
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(LIMIT_MS), headers: { connection: 'close' } })
      await response.arrayBuffer()
      if (response.status === 200) visits.answered++
      else visits.failed.push({ at, why: String(response.status) })
    } catch (error) {
      visits.failed.push({ at, why: String((error as Error).cause ?? error) })
    }
    await sleep(100)
  }
  return visits
}

const all = await Promise.all(process.argv.slice(2).map(visit))
process.stdout.write(JSON.stringify(all), () => process.exit(0))
