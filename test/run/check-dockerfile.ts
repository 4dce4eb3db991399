/**
 * The care a Dockerfile needs, in the spirit of hadolint's rules: a pinned base, packages without recommendations and without lists left
 * behind, a failing command that fails the build, a numeric user that is not root, labels. `node check-dockerfile.ts FILE…` prints the problems.
 */
import { readFileSync } from 'node:fs'

interface Instruction {
  readonly line: number
  readonly word: string
  readonly text: string
}

const LABELS = ['title', 'description', 'licenses', 'version'].map((name) => `org.opencontainers.image.${name}`)

/** Instructions with continued lines joined and comments left out. */
function instructionsOf(text: string): Instruction[] {
  const found: Instruction[] = []
  let begun: { line: number; text: string } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue
    begun = begun ? { ...begun, text: begun.text + line } : { line: index + 1, text: line }
    if (line.endsWith('\\')) {
      begun = { ...begun, text: begun.text.slice(0, -1) }
      continue
    }
    const [word = '', ...rest] = begun.text.trim().split(/\s+/)
    found.push({ line: begun.line, word: word.toUpperCase(), text: rest.join(' ') })
    begun = undefined
  }
  return found
}

function problemOf({ word, text }: Instruction): string | undefined {
  if (word === 'FROM' && !/^(scratch|[^\s:]+:(?!latest\b)\S+|[^\s@]+@sha256:\S+)( AS \S+)?$/i.test(text))
    return `pin the base: FROM ${text}`
  if (word === 'ADD') return 'COPY does it without surprises: ADD fetches and unpacks'
  if (word === 'COPY' && /^\.\s/.test(text)) return 'name what is copied: COPY . takes everything'
  if ((word === 'ENTRYPOINT' || word === 'CMD') && !text.startsWith('['))
    return `${word} in its exec form: signals must reach it`
  if (word !== 'RUN') return undefined
  if (/[;|]/.test(text) && !/^set -eu/.test(text))
    return 'begin RUN with set -eu: each command that fails must fail the build'
  if (/\bsudo\b/.test(text)) return 'sudo has no place here'
  if (/apt-get install/.test(text)) {
    if (!text.includes('--no-install-recommends')) return 'apt-get install needs --no-install-recommends'
    if (!text.includes('/var/lib/apt/lists')) return 'take the lists of apt away in the same RUN'
  }
  return undefined
}

/** Problems as `LINE: what`. */
export function checkDockerfile(text: string): string[] {
  const all = instructionsOf(text)
  const problems = all.flatMap((one) => {
    const problem = problemOf(one)
    return problem === undefined ? [] : [`${one.line}: ${problem}`]
  })
  const last = all.at(-1)?.line ?? 1
  const user = all.findLast(({ word }) => word === 'USER')?.text ?? 'root'
  if (!/^[1-9]\d*(:[1-9]\d*)?$/.test(user))
    problems.push(`${last}: the last USER must be a number and not root: ${user}`)
  const labels = all.filter(({ word }) => word === 'LABEL').map(({ text: label }) => label)
  for (const label of LABELS)
    if (!labels.some((one) => one.includes(label))) problems.push(`${last}: the label ${label} is missing`)
  return problems
}

if (process.argv[1] === import.meta.filename) {
  for (const file of process.argv.slice(2))
    for (const problem of checkDockerfile(readFileSync(file, 'utf8'))) {
      console.log(`${file}:${problem}`)
      process.exitCode = 1
    }
}
