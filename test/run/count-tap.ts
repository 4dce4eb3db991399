/** Counts the named tests in a TAP stream of many files: the points one level below a file, or the file itself where it has none. */

export interface Count {
  passed: number
  failed: number
}

export function countTap(tap: string): Count {
  const count: Count = { passed: 0, failed: 0 }
  let inFile: Count = { passed: 0, failed: 0 }
  for (const line of tap.split('\n')) {
    const inner = /^ {4}(not )?ok \d/.exec(line)
    if (inner) inFile[inner[1] === undefined ? 'passed' : 'failed']++
    const outer = /^(not )?ok \d/.exec(line)
    if (!outer) continue
    const fileFailed = outer[1] !== undefined
    if (inFile.passed + inFile.failed === 0) inFile[fileFailed ? 'failed' : 'passed']++
    // A file that failed although each of its tests passed crashed, ran out of time, or broke its plan.
    else if (fileFailed && inFile.failed === 0) inFile.failed++
    count.passed += inFile.passed
    count.failed += inFile.failed
    inFile = { passed: 0, failed: 0 }
  }
  return count
}
