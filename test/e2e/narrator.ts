/**
 * Tells the story: prints each command as a person would type it, its real answer, and how long each step took.
 * A command whose answer is not what the story says stops it with both, so a demo cannot pretend.
 */

export interface Answer {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** What a command must answer: an exit code (0 unless said) and texts that stdout and stderr together must hold or must not hold. */
export interface Expectation {
  readonly code?: number
  readonly holds?: readonly (string | RegExp)[]
  readonly lacks?: readonly (string | RegExp)[]
}

export class StoryError extends Error {
  override name = 'StoryError' as const
}

const found = (text: string, wanted: string | RegExp): boolean =>
  typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)

/** Pure: what is wrong with an answer, or undefined when it is as expected. */
export function mismatch(answer: Answer, expectation: Expectation): string | undefined {
  const text = answer.stdout + answer.stderr
  const code = expectation.code ?? 0
  if (answer.code !== code) return `exit code ${answer.code}, expected ${code}`
  for (const wanted of expectation.holds ?? []) if (!found(text, wanted)) return `the answer lacks ${String(wanted)}`
  for (const unwanted of expectation.lacks ?? [])
    if (found(text, unwanted)) return `the answer holds ${String(unwanted)}`
  return undefined
}

export class Narrator {
  readonly #write: (line: string) => void
  readonly #now: () => number
  #stepStarted = 0
  #title = ''

  constructor(write: (line: string) => void, now: () => number = Date.now) {
    this.#write = write
    this.#now = now
  }

  step(title: string): void {
    this.#close()
    this.#title = title
    this.#stepStarted = this.#now()
    this.#write(`\n━━ ${title}`)
  }

  say(text: string): void {
    this.#write(`   ${text}`)
  }

  /** Shows a file before the command that uses it. */
  file(name: string, content: string): void {
    this.#write(`\n   ${name}`)
    for (const line of content.trimEnd().split('\n')) this.#write(`   │ ${line}`)
  }

  /** Prints the command and its answer; throws StoryError when the answer is not as expected. */
  async command(shown: string, run: () => Promise<Answer>, expectation: Expectation = {}): Promise<Answer> {
    this.#write(`\n   $ ${shown}`)
    const answer = await run()
    for (const line of (answer.stdout + answer.stderr).trimEnd().split('\n')) if (line !== '') this.#write(`   ${line}`)
    const wrong = mismatch(answer, expectation)
    if (wrong !== undefined)
      throw new StoryError(
        `Cannot go on as '${shown}' answered otherwise than the story says: ${wrong}. The answer was:\n${answer.stdout}${answer.stderr}`,
      )
    return answer
  }

  end(): void {
    this.#close()
  }

  #close(): void {
    if (this.#title === '') return
    this.#write(`   (${((this.#now() - this.#stepStarted) / 1000).toFixed(1)} s)`)
    this.#title = ''
  }
}
