/** A compiled content in the volume of a Pod, as the updater places it there, and asked for by the FIFO. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Content } from '../../../src/rules/compile/compile.ts'
import { type Status, type TestPod, until } from '../../waf/pod.ts'
import { hash } from './support.ts'

/** Resolves once the WAF said what became of it. The WAF compares the engine's own count with the manifest's before it serves anything. */
export async function load(pod: TestPod, content: Content): Promise<Status> {
  const sums = content.sums.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('')
  const manifest = `sekisho-manifest 1\ncrs ${content.release}\nrules ${content.rules}\n${sums}`
  const generation = `crs-${content.release}-${hash(Buffer.from(manifest)).slice(0, 16)}`
  const rulesets = join(pod.run, 'rulesets')
  const work = join(rulesets, '.work')
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work)
  for (const [name, bytes] of content.files) writeFileSync(join(work, name), bytes)
  writeFileSync(join(work, 'manifest'), manifest)
  execFileSync('chown', ['-R', '65532:65532', work])
  rmSync(join(rulesets, generation), { recursive: true, force: true })
  renameSync(work, join(rulesets, generation))
  pod.kick(generation)
  return until(`an answer about ${generation}`, () => {
    const now = pod.status()
    return now?.wanted === generation && now.state !== 'waiting' ? now : undefined
  })
}
