/** What `make lint` runs. Each step is one well-kept tool; a step without files to look at is left out. */
import { execFileSync } from 'node:child_process'

export interface LintStep {
  readonly name: string
  readonly command: string
  readonly args: string[]
}

export function lintSteps(): LintStep[] {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' }).trim().split('\n')
  const scripts = files.filter((file) => file.endsWith('.sh') || /^(#!.*\bsh)$/m.test(firstLine(file)))
  const dockerfiles = files.filter((file) => /(^|\/)Dockerfile$/.test(file))
  const steps: LintStep[] = [
    { name: 'dockerfiles', command: 'node', args: ['test/run/check-dockerfile.ts', ...dockerfiles] },
    { name: 'types', command: 'tsc', args: ['--noEmit'] },
    { name: 'format', command: 'biome', args: ['ci', '--error-on-warnings', '.'] },
    { name: 'imports', command: 'depcruise', args: ['--output-type', 'err-long', 'src', 'certs-job'] },
    { name: 'shell', command: 'shellcheck', args: ['--external-sources', ...scripts] },
  ]
  return scripts.length === 0 ? steps.filter(({ name }) => name !== 'shell') : steps
}

function firstLine(file: string): string {
  if (/\.[a-z]+$/.test(file)) return ''
  return execFileSync('head', ['-c', '64', file], { encoding: 'latin1' }).split('\n')[0] ?? ''
}
