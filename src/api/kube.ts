/** Kubernetes objects as raw JSON: only what we read has a type, everything unknown stays as it came. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export interface ObjectMeta {
  name?: string
  generateName?: string
  namespace?: string
  uid?: string
  labels?: Record<string, string> | null
  annotations?: Record<string, string> | null
  deletionTimestamp?: string
  ownerReferences?: { kind: string; name: string; uid: string; controller?: boolean }[]
  [unknown: string]: unknown
}

export interface KubeObject {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  [unknown: string]: unknown
}

export interface ContainerPort {
  name?: string
  containerPort: number
  hostPort?: number
  protocol?: string
  [unknown: string]: unknown
}

export interface Container {
  name: string
  image?: string
  ports?: ContainerPort[] | null
  volumeMounts?: { name: string; mountPath: string; [unknown: string]: unknown }[] | null
  restartPolicy?: string
  [unknown: string]: unknown
}

export interface PodSpec {
  containers: Container[]
  initContainers?: Container[] | null
  ephemeralContainers?: Container[] | null
  volumes?: { name: string; [unknown: string]: unknown }[] | null
  hostNetwork?: boolean
  nodeName?: string
  runtimeClassName?: string
  tolerations?:
    | { key?: string; operator?: string; value?: string; effect?: string; tolerationSeconds?: number }[]
    | null
  [unknown: string]: unknown
}

export interface Pod extends KubeObject {
  spec?: PodSpec
}

/** One JSON Patch operation (RFC 6902), as the API server takes it. */
export type PatchOperation =
  | { op: 'add'; path: string; value: unknown }
  | { op: 'replace'; path: string; value: unknown }
  | { op: 'remove'; path: string }
  | { op: 'test'; path: string; value: unknown }

/** Who asks, from `request.userInfo`. */
export interface UserInfo {
  username: string
  uid?: string
  groups?: string[]
  extra?: Record<string, string[]>
}
