/**
 * The files of the ConfigMaps with `sekisho.dev/rules: ids`, judged one by one. A file with a problem is left out as a whole, and its last good
 * version stays in use, through a restart of the agent too; a file that is deleted is gone.
 */
import { createHash } from 'node:crypto'
import { FILTERS, type OwnFile } from './build-set.ts'
import type { JudgeFiles } from './state.ts'

export interface ConfigMapFiles {
  readonly name: string
  readonly data: Readonly<Record<string, string>>
}

/** A node's agent holds them in memory, and suricata-update once more. */
const MOST_BYTES = 8 * 1024 * 1024
const MOST_FILES = 500
const MOST_BLAMED = 1000
/** What a ConfigMap's name and key may be, before they become a path. */
const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/
const KEY = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}$/

const isRead = (key: string): boolean => key.endsWith('.rules') || (FILTERS as readonly string[]).includes(key)
const at = ({ configMap, key }: Pick<OwnFile, 'configMap' | 'key'>) => `${configMap}/${key}`
const byPlace = (a: OwnFile, b: OwnFile) => (at(a) < at(b) ? -1 : at(a) > at(b) ? 1 : 0)

/** Those that are read, in one order everywhere. */
export const filesOf = (maps: readonly ConfigMapFiles[]): OwnFile[] =>
  maps
    .flatMap(({ name, data }) => Object.entries(data).map(([key, text]) => ({ configMap: name, key, text })))
    .filter(({ configMap, key }) => isRead(key) && KEY.test(key) && NAME.test(configMap))
    .sort(byPlace)

export interface OwnFiles {
  /** What may be used now. */
  usable(): readonly OwnFile[]
  /** Takes what the cluster says now. @returns a sentence for each file that is left out */
  take(maps: readonly ConfigMapFiles[]): readonly string[]
  /** The engine refused these rules: files with them go back to their last good version. @returns those files' names; none: not ours */
  blame(rules: readonly string[]): readonly string[]
  /** The same for the filters of this key, since what they made is not allowed. */
  blameFilter(key: string, why: string): readonly string[]
  /** What is in use now was seen to run. */
  proven(): void
  /** For the memory: the last good versions. */
  good(): readonly OwnFile[]
}

const SID = /\bsid\s*:\s*(\d+)/
const digest = (file: OwnFile) =>
  createHash('sha256')
    .update(`${at(file)}\n${file.text}`)
    .digest('hex')

export const createOwnFiles = (judge: JudgeFiles, remembered: readonly OwnFile[]): OwnFiles => {
  // Judged anew: what the platform allowed when it was remembered, it may not allow any more.
  const still = remembered.filter((file) => judge([{ name: at(file), text: file.text }]).length === 0)
  let good = new Map(still.map((file) => [at(file), file]))
  let current: readonly OwnFile[] = still
  let wanted: readonly OwnFile[] | undefined
  /** Contents that the engine refused. */
  const blamed = new Set<string>()
  const problems = new Map<string, string>()

  type Problems = ReturnType<JudgeFiles>
  const sentence = ([first, ...more]: Problems): string =>
    first ? `${first.file}:${first.line}: ${first.message}${more.length > 0 ? ` (and ${more.length} more)` : ''}` : ''
  const judged = (files: readonly OwnFile[]): Problems =>
    judge(files.map((file) => ({ name: at(file), text: file.text })))

  /** A sentence for each file that cannot be used, by its place. First each by itself, then those that are left beside each other. */
  const faults = (files: readonly OwnFile[]): Map<string, string> => {
    const found = new Map<string, string>()
    let bytes = 0
    files.forEach((file, index) => {
      bytes += Buffer.byteLength(file.text)
      const problem = blamed.has(digest(file))
        ? (problems.get(at(file)) ?? `${at(file)}: Suricata refuses it`)
        : bytes > MOST_BYTES || index >= MOST_FILES
          ? `${at(file)}: the ConfigMaps hold more than ${MOST_FILES} files or ${MOST_BYTES} bytes`
          : sentence(judged([file]))
      if (problem !== '') found.set(at(file), problem)
    })
    for (;;) {
      const among = judged(files.filter((file) => !found.has(at(file))))
      if (!among.some(({ file }) => !found.has(file))) return found
      for (const place of new Set(among.map(({ file }) => file)))
        found.set(place, sentence(among.filter(({ file }) => file === place)))
    }
  }
  const settle = (): string[] => {
    const files = wanted ?? []
    const found = faults(files)
    current = files.flatMap((file) => {
      const last = found.has(at(file)) ? good.get(at(file)) : file
      return last ? [last] : []
    })
    return [...found].map(
      ([place, problem]) => `${problem}; ${good.has(place) ? 'its last good version stays' : 'it is left out'}`,
    )
  }
  /** These contents are not used again. Where the last good version is one of them, it is none. */
  const condemn = (guilty: readonly OwnFile[], why: (file: OwnFile) => string): string[] => {
    for (const file of guilty) {
      blamed.add(digest(file))
      if (good.get(at(file))?.text === file.text) good.delete(at(file))
      problems.set(at(file), `${at(file)}: ${why(file)}`)
    }
    if (blamed.size > MOST_BLAMED) blamed.clear()
    wanted ??= current
    settle()
    return guilty.map((file) => problems.get(at(file))!)
  }
  return {
    usable: () => current,
    take(maps) {
      wanted = filesOf(maps)
      return settle()
    },
    blame(rules) {
      const sids = new Set(rules.map((rule) => SID.exec(rule)?.[1]).filter((sid) => sid !== undefined))
      const guilty = current.filter(
        (file) =>
          file.key.endsWith('.rules') &&
          file.text.split(/\r?\n/).some((line) => {
            const sid = line.trim().startsWith('#') ? undefined : SID.exec(line)?.[1]
            return (sid !== undefined && sids.has(sid)) || (line.trim() !== '' && rules.includes(line.trim()))
          }),
      )
      return condemn(guilty, ({ text }) => `Suricata refuses ${rules.find((rule) => has(text, rule)) ?? rules[0]}`)
    },
    blameFilter: (key, why) =>
      condemn(
        current.filter((file) => file.key === key),
        () => why,
      ),
    proven() {
      good = new Map(current.map((file) => [at(file), file]))
    },
    good: () => [...good.values()],
  }
}

const has = (text: string, rule: string): boolean => {
  const sid = SID.exec(rule)?.[1]
  return text.includes(rule) || (sid !== undefined && new RegExp(`\\bsid\\s*:\\s*${sid}\\b`).test(text))
}
