/**
 * Two network namespaces and a wire between them, for tests of the IDS: `node` stands for a Kubernetes node (its default route leads over
 * the wire), `outside` for whoever talks to it. Both are held by a process that ends with the test (its stdin
 * closes) and have no name, so nothing can be left behind.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { attempt, command, type Finished } from '../images/command.ts'

export interface Place {
  readonly address: string
  /** The path of the network namespace. */
  readonly path: string
  /** Runs a program in it to its end. */
  run(program: string, ...args: string[]): Promise<Finished>
  /** Runs JavaScript in it until the wire is closed, and returns once it has printed a line. */
  serve(script: string): Promise<void>
}

export interface Wire {
  readonly node: Place
  readonly outside: Place
  close(): Promise<void>
}

const UNTIL_CLOSED = "process.stdin.resume().on('end', () => process.exit())"
const NODE_ADDRESS = '10.99.0.1'
const OUTSIDE_ADDRESS = '10.99.0.2'

/** Lays the wire. Interfaces are called `eth0` on both ends. IPv6 is off: its own chatter would count as traffic. */
export async function layWire(): Promise<Wire> {
  const processes: ChildProcess[] = []
  const hold = async (address: string): Promise<Place> => {
    const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    processes.push(holder)
    await once(holder.stdout, 'data')
    const path = `/proc/${holder.pid}/ns/net`
    const enter = [`--net=${path}`]
    return {
      address,
      path,
      run: (program, ...args) => attempt('nsenter', [...enter, program, ...args]),
      serve: async (script) => {
        const server = spawn('nsenter', [...enter, process.execPath, '-e', `${UNTIL_CLOSED};${script}`], {
          stdio: ['pipe', 'pipe', 'inherit'],
        })
        processes.push(server)
        await Promise.race([
          once(server.stdout, 'data'),
          once(server, 'close').then(() =>
            Promise.reject(new Error('the server of this test ended before it listened')),
          ),
        ])
      },
    }
  }
  const close = async () => {
    for (const one of processes) one.kill('SIGKILL')
    await Promise.all(processes.map((one) => (one.exitCode ?? one.signalCode) === null && once(one, 'close')))
  }
  try {
    const node = await hold(NODE_ADDRESS)
    const outside = await hold(OUTSIDE_ADDRESS)
    const in_ = (place: Place, script: string) => command('nsenter', [`--net=${place.path}`, 'sh', '-ec', script])
    const quiet = 'for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 >$f; done;'
    await in_(node, `${quiet} ip link set lo up`)
    await in_(outside, `${quiet} ip link set lo up`)
    const outsidePid = outside.path.split('/')[2]!
    await in_(node, `ip link add eth0 type veth peer name eth0 netns ${outsidePid}`)
    await in_(outside, `ip addr add ${OUTSIDE_ADDRESS}/24 dev eth0; ip link set eth0 up`)
    await in_(
      node,
      `ip addr add ${NODE_ADDRESS}/24 dev eth0; ip link set eth0 up; ip route add default via ${OUTSIDE_ADDRESS}`,
    )
    return { node, outside, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Waits until `look` returns something, asking every 300 ms; throws with what it last saw. */
export async function eventually<T>(
  look: () => Promise<T | undefined>,
  what: () => string,
  limitMs = 60_000,
): Promise<T> {
  const until = performance.now() + limitMs
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > until) throw new Error(`waited ${limitMs / 1000} s in vain; ${what()}`)
    await sleep(300)
  }
}
