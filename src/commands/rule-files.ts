/**
 * Rule files as a person gives them: `.conf` files, folders, archives of a release, stdin, or Kubernetes ConfigMaps whose keys are `.conf` files.
 * A folder is read in the order in which the engine loads it: setup, what plugins configure, rules by name, what plugins add after them.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { isIdsFile } from '../ids/language/judge.ts'
import { EXIT, Exit, type Io } from './command.ts'
import { readDocuments } from './documents.ts'
import { readGivenRelease } from './rule-release.ts'

export interface RuleFiles {
  readonly files: { readonly name: string; readonly text: string }[]
  /** Names of the files beside them that rules may read. */
  readonly data: string[]
}

const cannot = (path: string, error: unknown): never => {
  const { code, message } = error as NodeJS.ErrnoException
  const why = code === 'ENOENT' ? 'there is no such file' : message
  throw new Exit(EXIT.usage, `Cannot read ${path}: ${why}.`, { cause: error })
}

/** Where a file comes in the order of loading. */
const place = (path: string): string => {
  if (/(?:^|\/)crs-setup\.conf(?:\.example)?$/.test(path)) return '0'
  if (/-config\.conf$/.test(path)) return '1'
  if (/-before\.conf$/.test(path)) return '2'
  return /-after\.conf$/.test(path) ? '4' : '3'
}

/** The names of rule files among all, in the order of loading. */
function inOrder(entries: readonly string[]): string[] {
  const rules = entries.filter((name) => /\.conf$|crs-setup\.conf\.example$/.test(name))
  // The example is the setup only where there is no setup.
  const setup = rules.some((name) => /(?:^|\/)crs-setup\.conf$/.test(name))
  return rules
    .filter((name) => !setup || !name.endsWith('.example'))
    .toSorted((a, b) => place(a).localeCompare(place(b)) || (a < b ? -1 : 1))
}

/** `coreruleset-X-minimal.tar.gz`: its files, and the names of those that rules read. */
async function fromArchive(path: string): Promise<RuleFiles> {
  const { files } = await readGivenRelease(path)
  const decoder = new TextDecoder()
  return {
    files: inOrder([...files.keys()]).map((name) => ({
      name: `${path}#${name}`,
      text: decoder.decode(files.get(name)!.bytes),
    })),
    data: [...files.keys()].map((name) => basename(name)),
  }
}

async function fromConfigMaps(
  path: string,
  io: Io,
  takes = (key: string) => key.endsWith('.conf'),
  called = 'ends in .conf',
): Promise<RuleFiles['files']> {
  const documents = await readDocuments(path, io)
  const found = documents
    .filter(({ object }) => object.kind === 'ConfigMap')
    .flatMap(({ object }) => Object.entries((object as { data?: Record<string, string> }).data ?? {}))
    .filter(([key]) => takes(key))
  if (found.length === 0)
    throw new Exit(EXIT.usage, `Cannot read ${path}: no ConfigMap in it has a key that ${called}.`)
  return found.map(([key, value]) => ({ name: `${path}#${key}`, text: String(value) }))
}

/** Reads what the paths name. @throws {Exit} with the path and what is wrong */
export async function readRuleFiles(paths: readonly string[], io: Io): Promise<RuleFiles> {
  const files: RuleFiles['files'] = []
  const packed: string[] = []
  const folders = new Set<string>()
  const one = async (path: string): Promise<void> => {
    folders.add(dirname(path))
    files.push({ name: path, text: await readFile(path, 'utf8') })
  }
  for (const path of paths) {
    try {
      if (path === '-') files.push({ name: 'stdin', text: await text(io.stdin) })
      else if ((await stat(path)).isDirectory())
        for (const name of inOrder(await readdir(path, { recursive: true }))) await one(join(path, name))
      else if (/\.(?:tar\.gz|tgz)$/.test(path)) {
        const archive = await fromArchive(path)
        files.push(...archive.files)
        packed.push(...archive.data)
      } else if (/\.(?:ya?ml|json)$/.test(path)) files.push(...(await fromConfigMaps(path, io)))
      else await one(path)
    } catch (error) {
      if (error instanceof Exit) throw error
      cannot(path, error)
    }
  }
  if (files.length === 0) throw new Exit(EXIT.usage, `Cannot read ${paths.join(', ')}: there is no .conf file in it.`)
  const beside = await Promise.all([...folders].map((folder) => readdir(folder)))
  return { files, data: [...beside.flat(), ...packed] }
}

/** Rules and filters of the IDS: files, folders of them, ConfigMaps, stdin as rules. @throws {Exit} with the path and what is wrong */
export async function readIdsFiles(paths: readonly string[], io: Io): Promise<RuleFiles['files']> {
  const files: RuleFiles['files'] = []
  for (const path of paths) {
    try {
      if (path === '-') files.push({ name: 'stdin.rules', text: await text(io.stdin) })
      else if ((await stat(path)).isDirectory())
        for (const name of (await readdir(path, { recursive: true })).filter(isIdsFile).toSorted())
          files.push({ name: join(path, name), text: await readFile(join(path, name), 'utf8') })
      else if (/\.(?:ya?ml|json)$/.test(path))
        files.push(...(await fromConfigMaps(path, io, isIdsFile, 'ends in .rules or is a filter such as disable.conf')))
      else files.push({ name: path, text: await readFile(path, 'utf8') })
    } catch (error) {
      if (error instanceof Exit) throw error
      cannot(path, error)
    }
  }
  if (files.length === 0)
    throw new Exit(EXIT.usage, `Cannot read ${paths.join(', ')}: there is no .rules file or filter in it.`)
  return files
}
