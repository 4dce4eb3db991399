/** The files of the Core Rule Set, in the order in which the engine loads them. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureCrs } from '../../images/crs.ts'

export interface CoreRuleSet {
  readonly version: string
  readonly files: { readonly name: string; readonly text: string }[]
  /** Names of its data files. */
  readonly data: string[]
}

export async function coreRuleSet(): Promise<CoreRuleSet> {
  const { tar, version } = await ensureCrs({ log: () => {} })
  const folder = mkdtempSync(join(tmpdir(), 'crs-'))
  try {
    execFileSync('tar', ['-xf', tar, '-C', folder, '--strip-components=1'])
    const read = (path: string) => ({ name: path, text: readFileSync(join(folder, path), 'utf8') })
    const rules = readdirSync(join(folder, 'rules')).sort()
    const plugins = readdirSync(join(folder, 'plugins')).sort()
    return {
      version,
      files: [
        read('crs-setup.conf.example'),
        ...plugins.map((name) => read(`plugins/${name}`)),
        ...rules.filter((name) => name.endsWith('.conf')).map((name) => read(`rules/${name}`)),
      ],
      data: rules.filter((name) => name.endsWith('.data')),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
