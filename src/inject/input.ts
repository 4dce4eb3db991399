/** What the injector decides from. All of it is data: where it comes from is the reviewer's business. */
import type { Pod, UserInfo } from '../api/kube.ts'
import type { NamespaceView, NetworkPolicyView, ServiceView } from '../api/views.ts'
import type { InjectSettings } from '../config/webhook.ts'
import type { Subject } from './note.ts'

/** What Pods are told of `sekisho rules`: whom to believe. */
export interface RulesTrust {
  /** PEM of one CA or more. */
  readonly ca: string
  /** Raw Ed25519 public keys in base64. */
  readonly keys: readonly string[]
}

export interface InjectInput {
  /** As it came, unchecked; it stays as it is. */
  readonly pod: Pod
  /** The namespace of the request: the object's own may be empty. */
  readonly namespace: NamespaceView
  readonly settings: InjectSettings
  /** Absent where there is no `sekisho rules`, or its keys are not known (yet): then Pods keep to what the image and the namespace hold. */
  readonly rulesTrust?: RulesTrust | undefined
  /** Of Sekisho, for the status. */
  readonly version: string
  /** Of this namespace. */
  readonly services: readonly ServiceView[]
  readonly networkPolicies: readonly NetworkPolicyView[]
  /** Absent offline. */
  readonly user?: UserInfo
  /** Whether `sekisho.dev/break-glass` of the namespace holds: then nothing holds the Pod to its nodes. */
  readonly glassBroken?: boolean
  /** Whom the words are about; the Pod itself if absent. */
  readonly subject?: Subject
}
