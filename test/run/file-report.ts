/**
 * Reads the TAP stream of many test files as it comes: a line for each file that passed, the whole block of one that failed, and the
 * count of the named tests, which are the points one level below a file (or the file itself where it has none).
 */

export interface Count {
  passed: number
  failed: number
}

export class FileReport {
  readonly count: Count = { passed: 0, failed: 0 }
  /** Files that failed, each with what it adds to the count. */
  readonly failed: { readonly file: string; readonly count: Count }[] = []
  readonly #write: (line: string) => void
  #rest = ''
  #block: string[] = []
  #inFile: Count = { passed: 0, failed: 0 }
  /** A file that failed explains itself in the lines after its point. */
  #explaining = false

  constructor(write: (line: string) => void) {
    this.#write = write
  }

  add(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
  }

  end(): void {
    if (this.#rest !== '') this.#line(this.#rest)
    this.#rest = ''
  }

  #line(line: string): void {
    const inner = /^ {4}(not )?ok \d/.exec(line)
    if (inner) this.#inFile[inner[1] === undefined ? 'passed' : 'failed']++
    const outer = /^(not )?ok \d+ - (.*)$/.exec(line)
    if (outer) this.#fileEnds(outer[1] !== undefined, outer[2]!)
    else if (line.startsWith('# Subtest: ')) {
      this.#block = [line]
      this.#explaining = false
    } else if (this.#explaining) this.#write(line)
    else this.#block.push(line)
  }

  #fileEnds(failed: boolean, name: string): void {
    const inFile = this.#inFile
    if (inFile.passed + inFile.failed === 0) inFile[failed ? 'failed' : 'passed']++
    // A file that failed although each of its tests passed crashed, ran out of time, or broke its plan.
    else if (failed && inFile.failed === 0) inFile.failed++
    this.count.passed += inFile.passed
    this.count.failed += inFile.failed
    if (failed) this.failed.push({ file: name.replace(/ # time=\S+$/, ''), count: inFile })
    if (failed) for (const line of this.#block) this.#write(line)
    this.#write(
      `  ${failed ? '✗' : '✓'} ${name.replace(/ # time=(\S+)$/, ' ($1)')}: ${inFile.passed} passed, ${inFile.failed} failed`,
    )
    this.#explaining = failed
    this.#inFile = { passed: 0, failed: 0 }
    this.#block = []
  }
}
