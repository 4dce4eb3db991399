/** The file that the probe reads: two lines, replaced whole. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { IdsVerdict } from './readiness/judge.ts'

/** Whole seconds since the machine started: what the probe compares with, and no change of the clock moves it. */
const uptime = (): string => readFileSync('/proc/uptime', 'utf8').split('.', 1)[0]!

/** Writes it. @throws where the volume is full or gone. */
export function writeReadiness(runDirectory: string, { ready, check, detail }: IdsVerdict): void {
  const path = join(runDirectory, 'readiness')
  // One line: the second is printed as it is.
  const sentence = detail.replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
  const text = `${ready ? 'ready' : 'not-ready'} ${uptime()} ${check || '-'}\n${check ? `${check}: ` : ''}${sentence}\n`
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}
