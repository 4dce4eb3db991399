/** Whom messages are about. A Pod may have no name yet (`generateName`), and its namespace stands in the request only. */
import type { KubeObject } from '../api/kube.ts'
import { type Subject, shown } from './note.ts'

const nameOf = (object: KubeObject): string => {
  const { name, generateName } = object.metadata ?? {}
  if (typeof name === 'string' && name !== '') return shown(name)
  return typeof generateName === 'string' && generateName !== '' ? `${shown(generateName)}*` : '(unnamed)'
}

/** `Pod shop/web is refused`. */
export const podSubject = (pod: KubeObject, namespace: string): Subject => ({
  name: `Pod ${namespace}/${nameOf(pod)}`,
  refused: 'is refused',
  unprotected: 'stays without WAF',
})

/** `Pods of Deployment shop/web would be refused`. */
export const workloadSubject = (workload: KubeObject, kind: string, namespace: string): Subject => ({
  name: `Pods of ${kind} ${namespace}/${nameOf(workload)}`,
  refused: 'would be refused',
  unprotected: 'would stay without WAF',
})

/** `Service shop/web is refused`. */
export const objectSubject = (object: KubeObject, kind: string, namespace: string): Subject => ({
  name: `${kind} ${namespace}/${nameOf(object)}`,
  refused: 'is refused',
  unprotected: 'passes',
})
