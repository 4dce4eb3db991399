/**
 * Loaded before a program (`node --import`), it lets a test move that process's wall clock as an administrator or NTP would: the file
 * SEKISHO_TEST_CLOCK holds milliseconds to add, read at start and at each SIGUSR2. Monotonic time goes on as it did.
 */
import { readFileSync } from 'node:fs'

const file = process.env['SEKISHO_TEST_CLOCK'] ?? ''
const RealDate = Date
let offset = 0
const read = (): void => {
  offset = Number(readFileSync(file, 'utf8'))
}
read()
process.on('SIGUSR2', read)
const now = (): number => RealDate.now() + offset

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: [], newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
})
