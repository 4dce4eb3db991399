/**
 * `suricata -T` on a set before it is used, with the configuration that Suricata runs with: /etc/suricata/suricata.yaml and a copy of
 * node.yaml in which the set stands where the one in use stood. An empty file passes that test, so rules are counted apart; how many rules the
 * engine says it loaded is what a reload is held to.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunChild } from './child.ts'
import { SetRefusal } from './refusals.ts'

export interface EngineTestOptions {
  readonly program: string
  readonly suricataYaml: string
  readonly runDirectory: string
  /** The file of rules to try. */
  readonly file: string
  readonly work: string
  readonly run: RunChild
  readonly timeMs: number
  readonly signal: AbortSignal
}

const replaced = (text: string, from: string, to: string, where: string): string => {
  if (!text.includes(from))
    throw new SetRefusal('UpdateFailed', `The rules cannot be tested as ${where} does not name ${from}.`)
  return text.replaceAll(from, () => to)
}

const COUNTS = /(\d+) rules successfully loaded, (\d+) rules failed(?:, (\d+) rules skipped)?/
const BAD_RULE = /error parsing signature "(.*)" from file (\S+) at line (\d+)/

interface Line {
  readonly log_level?: string
  readonly engine?: { readonly message?: string }
}
const messages = (output: string): { level: string; message: string }[] =>
  output.split('\n').flatMap((text) => {
    if (!text.startsWith('{')) return []
    try {
      const { log_level = '', engine } = JSON.parse(text) as Line
      return typeof engine?.message === 'string' ? [{ level: log_level, message: engine.message }] : []
    } catch {
      return []
    }
  })

/** How many rules the engine loads with the set, those of the image among them. @throws SetRefusal */
export const engineTest = async (options: EngineTestOptions): Promise<number> => {
  const { program, suricataYaml, runDirectory, file, work, run, timeMs, signal } = options
  const node = join(runDirectory, 'node.yaml')
  const active = join(runDirectory, 'rules/active/suricata.rules')
  const [yamlText, nodeText] = await Promise.all([readFile(suricataYaml, 'utf8'), readFile(node, 'utf8')]).catch(
    (cause: Error) => {
      throw new SetRefusal('TestTimedOut', `The rules cannot be tested yet: ${cause.message}.`, [], { cause })
    },
  )
  const [yaml, nodeCopy] = [join(work, 'suricata.yaml'), join(work, 'node.yaml')]
  await writeFile(nodeCopy, replaced(nodeText, active, file, 'node.yaml'))
  // What it would print and send goes to a file: nobody must take the test for the Suricata that runs.
  const quiet = yamlText
    .replace(/^(\s*)filetype: unix_stream$/gm, '$1filetype: regular')
    .replace(/^(\s*)filename: \/.*$/gm, (_, indent) => `${indent}filename: ${join(work, 'eve.json')}`)
  await writeFile(yaml, replaced(quiet, node, nodeCopy, suricataYaml))
  const ended = await run(program, ['-T', '-v', '-c', yaml, '-l', work], { timeMs, signal, cwd: work })
  if (ended.timedOut) throw new SetRefusal('TestTimedOut', `suricata -T took longer than ${timeMs / 1000} s.`)
  if (ended.code === null || ended.code === 137)
    throw new SetRefusal('TestEnded', `suricata -T was ended by ${ended.signal ?? 'SIGKILL'}.`)
  const said = messages(ended.output)
  const bad = said.map(({ message }) => BAD_RULE.exec(message)).filter((found) => found !== null)
  const counts = said.map(({ message }) => COUNTS.exec(message)).find((found) => found !== null)
  const failed = Number(counts?.[2] ?? 0)
  if (ended.code === 0 && counts && failed === 0) return Number(counts[1])
  const [first] = bad
  const why = said.filter(({ level }) => level === 'Error')[0]?.message ?? ended.output.trim().split('\n').at(-1) ?? ''
  throw new SetRefusal(
    'EngineRefused',
    first
      ? `${failed || bad.length} rules are refused; the first: ${why} in ${first[1]}`
      : `suricata -T ended with ${ended.code}: ${why}`,
    bad.map(([, rule]) => rule!),
  )
}

/** The version that the program says it is. */
export const suricataVersion = async (
  program: string,
  options: { readonly run: RunChild; readonly work: string; readonly signal: AbortSignal },
): Promise<string> => {
  const { output } = await options.run(program, ['-V'], { timeMs: 60_000, signal: options.signal, cwd: options.work })
  const version = /version (\d+\.\d+\.\d+)/.exec(output)?.[1]
  if (version === undefined)
    throw new Error(`Cannot tell the version of Suricata from ${JSON.stringify(output.slice(0, 200))}`)
  return version
}
