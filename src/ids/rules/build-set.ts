/**
 * One file of rules from an archive and the files of ConfigMaps, by suricata-update in a folder of its own.
 *
 * What it is known to do, and what stands against it: a source that fails is missing and the exit code is 0 (the archive is a file that was
 * verified before, and --fail); a cache of a quarter of an hour is used (no cache survives); with no address it fetches ET Open (there
 * always is one); rules it cannot read are left out (its words are read); a folder given to --local is read twice (files are given one by
 * one); rules with unknown variables are switched off in silence (no suricata.yaml is given, so the test names them).
 */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { IdsPermit } from '../../config/ids.ts'
import { idsLayout } from '../../rules/archive/layouts/ids.ts'
import { unpack } from '../../rules/archive/unpack.ts'
import { judgeIdsResult } from '../language/judge-result.ts'
import type { RunChild } from './child.ts'
import { SetRefusal } from './refusals.ts'

/** A file of a ConfigMap, judged. */
export interface OwnFile {
  readonly configMap: string
  /** `shop.rules`, or one of the names in FILTERS. */
  readonly key: string
  readonly text: string
}
export const MODIFY = 'modify.conf'
export const FILTERS = ['disable.conf', 'enable.conf', 'drop.conf', MODIFY] as const

export interface BuildOptions {
  readonly program: string
  readonly suricataVersion: string
  readonly archive: string | undefined
  readonly files: readonly OwnFile[]
  /** Emptied before. */
  readonly work: string
  readonly run: RunChild
  readonly timeMs: number
  readonly signal: AbortSignal
  readonly allow: readonly IdsPermit[]
}

const UNREADABLE = /<Error> -- Failed to parse rule: (.*)$/gm
/** What suricata-update said last, for a person. */
const lastLine = (output: string): string =>
  output
    .trim()
    .split('\n')
    .filter((line) => /<(Error|Warning)>|Error:/.test(line))
    .at(-1)
    ?.replace(/^.*?-- </, '<') ?? 'it said nothing'

/** The file of the set. @throws SetRefusal */
export const buildSet = async (options: BuildOptions): Promise<Buffer> => {
  const { program, suricataVersion, archive, files, work, run, timeMs, signal, allow } = options
  await rm(work, { recursive: true, force: true })
  const output = join(work, 'output')
  await mkdir(output, { recursive: true })
  const config = join(work, 'update.yaml')
  // The events of Suricata's own decoders are for those who debug it. Nothing is left out by the name of its file.
  await writeFile(config, 'dist-rule-directory: /nonexistent\nignore: []\n')
  const source = join(work, archive === undefined ? 'none.rules' : 'archive.tar.gz')
  if (archive === undefined) await writeFile(source, '')
  else await copyFile(archive, source)
  const args = ['--fail', '--force', '--no-test', '--no-reload', '--suricata-version', suricataVersion]
  args.push('--suricata-conf', '/nonexistent', '--data-dir', join(work, 'data'), '--config', config)
  args.push('--output', output, '--url', `file://${source}`)
  for (const { configMap, key, text } of files) {
    if (!key.endsWith('.rules')) continue
    const folder = join(work, 'own', configMap)
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, key), text)
    args.push('--local', join(folder, key))
  }
  for (const filter of FILTERS) {
    const texts = files.filter(({ key }) => key === filter)
    if (texts.length === 0) continue
    await writeFile(join(work, filter), texts.map(({ text }) => `${text}\n`).join(''))
    args.push(`--${filter.replace('.', '-')}`, join(work, filter))
  }
  const ended = await run(program, args, { timeMs, signal, cwd: work })
  if (ended.timedOut) throw new SetRefusal('TestTimedOut', `suricata-update took longer than ${timeMs / 1000} s.`)
  if (ended.code === null || ended.code === 137)
    throw new SetRefusal('TestEnded', `suricata-update was ended by ${ended.signal ?? 'SIGKILL'}.`)
  if (ended.code !== 0)
    throw new SetRefusal('UpdateFailed', `suricata-update ended with ${ended.code}: ${lastLine(ended.output)}.`)
  const unreadable = [...ended.output.matchAll(UNREADABLE)].map(([, rule]) => rule!)
  // What suricata-update says of a rule stands behind the rule itself.
  const own = files
    .filter(({ key }) => key.endsWith('.rules'))
    .flatMap(({ text }) => text.split(/\r?\n/).map((line) => line.trim()))
    .filter((line) => line !== '' && !line.startsWith('#') && unreadable.some((said) => said.startsWith(line)))
  if (own.length > 0) throw new SetRefusal('EngineRefused', `suricata-update cannot read a rule: ${own[0]}`, own)
  const made = await readFile(join(output, 'suricata.rules')).catch((cause) => {
    throw new SetRefusal('UpdateFailed', `suricata-update made no file: ${lastLine(ended.output)}.`, [], { cause })
  })
  if (files.some(({ key }) => key === MODIFY)) await judgeResult(made, archive, files, allow, signal)
  return made
}

/** What modify.conf does can be seen whole only in what it made. @throws SetRefusal */
const judgeResult = async (
  made: Buffer,
  archive: string | undefined,
  files: readonly OwnFile[],
  allow: readonly IdsPermit[],
  signal: AbortSignal,
): Promise<void> => {
  const source = files.filter(({ key }) => key.endsWith('.rules')).map(({ text }) => text)
  if (archive !== undefined) {
    const unpacked = await unpack(await readFile(archive), idsLayout, { signal })
    if (!unpacked.ok) throw new SetRefusal('UpdateFailed', `The archive cannot be read again: ${unpacked.detail}`)
    for (const [path, { bytes }] of unpacked.files)
      if (path.endsWith('.rules')) source.push(Buffer.from(bytes).toString('utf8'))
  }
  const result = { name: 'suricata.rules', text: made.toString('utf8') }
  const [first, ...more] = judgeIdsResult({ source, result, allow })
  if (first)
    throw new SetRefusal('ResultRefused', `${first.message}${more.length > 0 ? ` (and ${more.length} more)` : ''}`)
}
