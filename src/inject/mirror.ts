/** Mirror Pods: the kubelet's record of a static Pod in the API. The kubelet deletes them when they are changed, so nobody may. */
import type { Pod, UserInfo } from '../api/kube.ts'

const ANNOTATION = 'kubernetes.io/config.mirror'
const NODES = 'system:nodes'

/** Only a node makes mirrors: the annotation alone, from anybody else, means nothing. */
export const isMirror = (pod: Pod, user: UserInfo | undefined): boolean =>
  typeof pod.metadata?.annotations?.[ANNOTATION] === 'string' && (user?.groups ?? []).includes(NODES)
