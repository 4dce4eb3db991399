import type { Part } from './part.ts'
import type { Context, NodeState } from './spec.ts'
export async function startNodes(_c: Context, _parts: Part[]): Promise<{ server: string; nodes: NodeState[] }> {
  throw new Error('not yet')
}
