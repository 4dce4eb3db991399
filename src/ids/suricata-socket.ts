/**
 * Suricata's command socket, version 0.2 of its protocol: a handshake, then commands, each a line of JSON with one line in answer.
 *
 *     {"version":"0.2"}                → {"return":"OK"}
 *     {"command":"…","arguments":{…}}  → {"message":…,"return":"OK"|"NOK"}
 *
 * One thread of Suricata serves all of it: each command goes in one write, and only after the one before was answered. It is connected when
 * first needed and again after every fault; while nothing listens, it is not tried more often than the backoff says.
 */
import { connect, type Socket } from 'node:net'
import { SuricataError } from './errors.ts'
import { createLineSplitter } from './lines.ts'

export interface CommandOptions {
  /** @default 5000 */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}
export interface SuricataSocket {
  /** Sends one command and resolves with its `message`. @throws {SuricataError} */
  command(name: string, args?: Readonly<Record<string, unknown>>, options?: CommandOptions): Promise<unknown>
  close(): void
}
export interface SuricataSocketOptions {
  readonly path: string
  /** Milliseconds that only rise. */
  readonly monotonic: () => number
  /** @default 5000 */
  readonly timeoutMs?: number
}

/** The longest command that Suricata reads; a longer one is a fault of it in some versions. */
const MAX_COMMAND = 4094
const MAX_ANSWER = 1024 * 1024
const BACKOFF_MS = { first: 100, most: 2000 }

interface Connection {
  /** Sends a line and waits for one. */
  exchange(line: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<Answer>
  readonly open: boolean
  destroy(): void
}
interface Answer {
  readonly return: 'OK' | 'NOK'
  readonly message?: unknown
}

/** Opens it when it is first needed. */
export function createSuricataSocket(options: SuricataSocketOptions): SuricataSocket {
  const { path, monotonic, timeoutMs: usual = 5000 } = options
  let connection: Connection | undefined
  let last: Promise<unknown> = Promise.resolve()
  let closed = false
  let backoff = 0
  let notBefore = Number.NEGATIVE_INFINITY
  let lastFailure = new SuricataError('absent', `nothing was tried on ${path} yet`)

  const connected = async (timeoutMs: number, signal: AbortSignal | undefined): Promise<Connection> => {
    if (connection?.open) return connection
    if (monotonic() < notBefore) throw lastFailure
    try {
      const fresh = await openConnection(path, timeoutMs, signal)
      const answer = await fresh.exchange('{"version":"0.2"}', timeoutMs, signal)
      if (answer.return !== 'OK') {
        fresh.destroy()
        throw new SuricataError('malformed', 'Suricata refused version 0.2 of the protocol of its command socket')
      }
      backoff = 0
      connection = fresh
      return fresh
    } catch (error) {
      lastFailure = asSuricataError(error)
      backoff = Math.min(BACKOFF_MS.most, backoff === 0 ? BACKOFF_MS.first : backoff * 2)
      notBefore = monotonic() + backoff
      throw lastFailure
    }
  }

  const run = async (name: string, args: Readonly<Record<string, unknown>> | undefined, options: CommandOptions) => {
    const { timeoutMs = usual, signal } = options
    if (closed) throw new SuricataError('closed', 'the agent is ending')
    signal?.throwIfAborted()
    const line = JSON.stringify({ command: name, ...(args && { arguments: args }) })
    if (Buffer.byteLength(line) > MAX_COMMAND)
      throw new RangeError(
        `Cannot send '${name}' as a command must be at most ${MAX_COMMAND} bytes: it has ${Buffer.byteLength(line)}`,
      )
    const current = await connected(timeoutMs, signal)
    const answer = await current.exchange(line, timeoutMs, signal)
    if (answer.return === 'OK') return answer.message
    throw new SuricataError('refused', `Suricata refused '${name}': ${short(answer.message)}`)
  }

  return {
    command: (name, args, options = {}) => {
      const mine = last.then(() => run(name, args, options))
      last = mine.catch(() => {})
      return mine
    },
    close: () => {
      closed = true
      connection?.destroy()
    },
  }
}

async function openConnection(path: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<Connection> {
  const socket = connect(path)
  let waiting: PromiseWithResolvers<Answer> | undefined
  let open = true
  const end = (error: SuricataError) => {
    open = false
    socket.destroy()
    waiting?.reject(error)
    waiting = undefined
  }
  const lines = createLineSplitter(MAX_ANSWER, (line) => {
    const answer = answerOf(line)
    if (answer === undefined || waiting === undefined)
      return end(new SuricataError('malformed', `Suricata answered what is no answer: ${short(line.toString('utf8'))}`))
    waiting.resolve(answer)
    waiting = undefined
  })
  socket.on('data', (chunk) => {
    lines.push(chunk)
    if (lines.dropped() > 0) end(new SuricataError('malformed', `Suricata's answer is longer than ${MAX_ANSWER} bytes`))
  })
  socket.on('close', () => end(new SuricataError('closed', 'Suricata closed its command socket')))
  await ready(socket, path, timeoutMs, signal)
  socket.on('error', (error) => end(new SuricataError('closed', `the command socket broke: ${error.message}`)))

  return {
    get open() {
      return open
    },
    destroy: () => end(new SuricataError('closed', 'the agent closed the command socket')),
    exchange: async (line, limit, stop) => {
      if (!open) throw new SuricataError('closed', 'Suricata closed its command socket')
      const mine = Promise.withResolvers<Answer>()
      waiting = mine
      const timer = setTimeout(
        () => end(new SuricataError('silent', `no answer on its command socket within ${limit / 1000} s`)),
        limit,
      )
      // What comes later would be taken for the answer to the next command: a command that was given up ends the connection.
      const give = () => end(new SuricataError('closed', 'the command was given up'))
      stop?.addEventListener('abort', give, { once: true })
      socket.write(`${line}\n`)
      try {
        return await mine.promise
      } finally {
        clearTimeout(timer)
        stop?.removeEventListener('abort', give)
      }
    },
  }
}

/** Resolves once the socket is connected. */
function ready(socket: Socket, path: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: SuricataError) => {
      done()
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    const timer = setTimeout(
      () => fail(new SuricataError('silent', `${path} took no connection within ${timeoutMs / 1000} s`)),
      timeoutMs,
    )
    const aborted = () => fail(new SuricataError('closed', 'the command was given up'))
    const broken = (error: NodeJS.ErrnoException) =>
      fail(
        error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
          ? new SuricataError('absent', `nothing listens on ${path} (${error.code})`)
          : new SuricataError('silent', `cannot connect to ${path}: ${error.message}`),
      )
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', aborted)
      socket.off('error', broken)
    }
    signal?.addEventListener('abort', aborted, { once: true })
    socket.once('error', broken)
    socket.once('connect', () => {
      done()
      resolve()
    })
  })
}

function answerOf(line: Buffer): Answer | undefined {
  try {
    const parsed = JSON.parse(line.toString('utf8')) as Answer | null
    return parsed !== null && (parsed.return === 'OK' || parsed.return === 'NOK') ? parsed : undefined
  } catch {
    return undefined
  }
}

const asSuricataError = (error: unknown): SuricataError =>
  error instanceof SuricataError ? error : new SuricataError('closed', String(error), { cause: error })

const short = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')
  return text.length > 200 ? `${text.slice(0, 199)}…` : text
}
