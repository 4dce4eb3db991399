/**
 * The network between nodes. The first node holds a switch, each further one a cable into it:
 *
 *   node-1  sw0 (bridge) 10.99.0.1 ─┬─ veth ─ eth0 10.99.0.2  node-2
 *                                   └─ veth ─ eth0 10.99.0.3  node-3      Pods of node-N: 10.244.N.0/24
 *
 * All of it is in the nodes' own network namespaces: nothing of it exists on the machine, and nothing leaves it.
 */
import { must } from './run.ts'
import type { NodeState } from './spec.ts'

export const nodeAddress = (number: number): string => `10.99.0.${number}`
export const podRange = (number: number): string => `10.244.${number}.0/24`

/** Connects the nodes, the first of which carries the switch. */
export async function connectNodes(nodes: readonly NodeState[]): Promise<void> {
  const first = nodes[0]!
  // The kernel need not have dummy interfaces; a bridge without a port does as well.
  await ip(first, 'link add sw0 type bridge')
  await ip(first, 'link set sw0 up')
  await ip(first, `address add ${first.address}/24 dev sw0`)
  // Without any default route a ClusterIP is `network is unreachable` before kube-proxy's rules are even asked.
  await ip(first, 'route add default dev sw0')
  for (const [index, node] of nodes.entries()) {
    if (index === 0) continue
    const cable = `node${index + 1}`
    await ip(first, `link add ${cable} type veth peer name eth0 netns ${node.pid}`)
    await ip(first, `link set ${cable} master sw0 up`)
    await ip(node, 'link set eth0 up')
    await ip(node, `address add ${node.address}/24 dev eth0`)
    await ip(node, `route add default via ${first.address}`)
  }
  for (const node of nodes)
    for (const [index, other] of nodes.entries())
      if (other !== node) await ip(node, `route add ${podRange(index + 1)} via ${other.address}`)
}

const ip = (node: NodeState, words: string): Promise<string> =>
  must('nsenter', [`--target=${node.pid}`, '-n', 'ip', ...words.split(' ')])
