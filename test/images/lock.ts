/**
 * One builder at a time, over processes. `flock` of util-linux holds the lock as long as the pipe to it is open, so a builder that dies
 * in any way lets go of it, and no stale lock file can block the next one.
 */
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Log } from './command.ts'

/** Runs `work` while holding the lock `file`; tells when it has to wait. */
export async function withLock<T>(file: string, log: Log, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true })
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<void>((done) => holder.on('close', () => done()))
  const waiting = setTimeout(() => log(`waiting for another builder to finish (lock ${file})`), 1000)
  try {
    await new Promise<void>((held, failed) => {
      holder.stdout.once('data', () => held())
      holder.on('error', (cause) => failed(new Error(`Cannot lock '${file}': ${cause.message}`, { cause })))
      holder.on('close', (code) => failed(new Error(`Cannot lock '${file}': flock ended with ${code}`)))
    })
  } finally {
    clearTimeout(waiting)
  }
  try {
    return await work()
  } finally {
    holder.stdin.end()
    await ended
  }
}
