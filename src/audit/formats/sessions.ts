/** Where database sessions came from. A process id is used again, so a connection counts only for what follows it. */
import type { Sessions } from '../../api/audit.ts'
import { BoundedMap } from './bounded.ts'

const MAX_SESSIONS = 50_000

export const openSessions = (max: number = MAX_SESSIONS): Sessions => {
  const known = new BoundedMap<{ readonly address: string; readonly since: number }>(max)
  return {
    connected: (session, address, time) => {
      // Records come late and unordered: the newest connection stands.
      const before = known.get(session)
      if (before === undefined || before.since <= time) known.set(session, { address, since: time })
    },
    addressOf: (session, time) => {
      const found = known.get(session)
      return found && found.since <= time ? found.address : undefined
    },
  }
}
