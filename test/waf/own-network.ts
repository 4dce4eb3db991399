/**
 * Runs the test file that calls it once more in a network namespace of its own, where a protected Pod's ports are free, whatever else
 * runs on this machine. The namespace ends with the process.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { ensureImages } from '../images/build.ts'

/** The Pod's address in that namespace. */
export const POD_IP = '10.88.0.2'

/** Call it first; returns only inside the namespace. Images are built before, since there is no registry in there. */
export async function inOwnNetwork(file: string): Promise<void> {
  if (process.env['SEKISHO_OWN_NETWORK'] === file) {
    execFileSync('ip', ['link', 'set', 'lo', 'up'])
    execFileSync('ip', ['address', 'add', `${POD_IP}/32`, 'dev', 'lo'])
    return
  }
  await ensureImages(['sekisho-waf'], { log: (line) => console.error(line) })
  // It ends with this process, however that ends: otherwise a runner's time limit would leave it, and its containers, behind.
  const again = spawnSync(
    'unshare',
    ['--net', 'setpriv', '--pdeathsig', 'KILL', process.execPath, ...process.execArgv, file],
    {
      stdio: 'inherit',
      env: { ...process.env, SEKISHO_OWN_NETWORK: file },
    },
  )
  process.exit(again.status ?? 1)
}
