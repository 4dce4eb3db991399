/**
 * Requests over keep-alive connections, with pauses, by a client that honours `Connection: close`: what a reload must not fail.
 * (autocannon writes its next request on a connection that was just said to be closed, and counts that as an error.)
 */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { POD_IP } from './own-network.ts'

export interface Load {
  answered: number
  /** Errors of the connection, and answers other than 200. */
  failed: string[]
}

/** Starts it; the function returned ends it and tells. */
export function startLoad(connections = 8, pauseMs = 15): () => Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const load: Load = { answered: 0, failed: [] }
  let over = false
  const one = () =>
    new Promise<void>((done) => {
      const fail = (what: string) => {
        load.failed.push(what)
        done()
      }
      const headers = { host: 'shop.example', accept: '*/*' }
      const sent = request({ host: POD_IP, port: 15080, path: '/', agent, headers }, (answer) => {
        answer.resume()
        answer.on('error', (error) => fail(error.message))
        answer.on('end', () => {
          if (answer.statusCode !== 200) return fail(`status ${answer.statusCode}`)
          load.answered++
          done()
        })
      })
      sent.on('error', (error) => fail(error.message))
      sent.end()
    })
  const loops = Array.from({ length: connections }, async () => {
    while (!over) {
      await one()
      await sleep(Math.random() * 2 * pauseMs)
    }
  })
  return async () => {
    over = true
    await Promise.all(loops)
    agent.destroy()
    return load
  }
}
