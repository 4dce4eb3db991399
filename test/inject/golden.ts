/** Goldens: NAME.yaml goes in, NAME.injected.yaml must come out. `UPDATE_GOLDENS=1` writes them anew. */
import { readdirSync, readFileSync } from 'node:fs'
import { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { main } from '../../src/cli.ts'
import { VERSION } from '../../src/version.ts'

const FOLDER = new URL('goldens/', import.meta.url)
export const CONFIG = fileURLToPath(new URL('webhook.config.yaml', FOLDER))

export const inputFile = (name: string): string => fileURLToPath(new URL(`${name}.yaml`, FOLDER))
export const outputFile = (name: string): string => fileURLToPath(new URL(`${name}.injected.yaml`, FOLDER))
export const readText = (file: string): string => readFileSync(file, 'utf8')
/** A release alone makes no golden stale. */
export const unversioned = (text: string): string => text.replaceAll(`"version":"${VERSION}"`, '"version":"VERSION"')
export const versioned = (text: string): string => text.replaceAll('"version":"VERSION"', `"version":"${VERSION}"`)

const files = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml') && file !== 'webhook.config.yaml')
export const OUTPUTS = files.filter((file) => file.endsWith('.injected.yaml')).map((file) => file.slice(0, -14))
export const NAMES = files.filter((file) => !file.endsWith('.injected.yaml')).map((file) => file.slice(0, -5))

class Sink extends Writable {
  text = ''
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

/** One command line of ours: what it prints, and its exit code. */
export async function sekisho(
  args: readonly string[],
  stdin = '',
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [new Sink(), new Sink()]
  const code = await main(args, { stdin: Readable.from([stdin]), stdout, stderr, env: {} })
  return { code, stdout: stdout.text, stderr: stderr.text }
}
