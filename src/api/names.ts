/** Every label, annotation, container, volume and port that Sekisho owns. docs/reference/labels.md lists the same; a test compares. */

/** The API group, and the prefix of every key that only Sekisho's own parts or a platform team may set. */
export const GROUP = 'sekisho.dev'
export const KEY_PREFIX = `${GROUP}/`

export const LABEL = {
  /** Namespace: `true` or `audit`. */
  protected: 'sekisho.dev/protected',
  /** Namespace: `block` or `detect`. Pod: `block`, `detect` or `off`. */
  waf: 'sekisho.dev/waf',
  /** ConfigMap: it holds rules that a WafPolicy names. The ConfigMap `sekisho-rules` needs no label. */
  rules: 'sekisho.dev/rules',
} as const

export const ANNOTATION = {
  /** Pod: `8080,9090/grpc,8443/tls`: which container ports are HTTP. */
  wafPorts: 'sekisho.dev/waf-ports',
  /** Pod: `loopback` for an app that listens on 127.0.0.1 only; default is the Pod's own address. */
  wafUpstream: 'sekisho.dev/waf-upstream',
  /** Pod, written by us: JSON of what was injected, or why not. */
  status: 'sekisho.dev/status',
  /** Namespace: `pool=web`: its Pods are held to these nodes and coverage counts only them. */
  nodeSelector: 'sekisho.dev/node-selector',
  /** Namespace: JSON `{why, until}`: admitted although not covered. Needs the right to open. */
  allowUncovered: 'sekisho.dev/allow-uncovered',
  /** Namespace: JSON `{why, until}`, 24 h at most: its Pods may run on blind nodes. Needs the right to open; an alert while it lasts. */
  breakGlass: 'sekisho.dev/break-glass',
  /** Namespace, written by the guard: JSON of the condition `Covered`. */
  coverage: 'sekisho.dev/coverage',
  /** Lease of a node in the IDS namespace, written by its agent: JSON, src/api/ids.ts. */
  idsReport: 'sekisho.dev/ids-report',
  /** The same Lease: JSON, which of the node's addresses speak TLS. */
  idsFlows: 'sekisho.dev/ids-flows',
} as const
/** A ConfigMap of the IDS namespace with `sekisho.dev/rules: ids` holds rules and filters of the IDS. */
export const IDS_RULES_LABEL_VALUE = 'ids'

export const CONTAINER = { waf: 'sekisho-waf', rules: 'sekisho-rules' } as const
/** Containers and volumes whose name begins so are ours: whatever a user puts there is replaced. */
export const RESERVED_PREFIX = 'sekisho-'
export const VOLUME = {
  run: 'sekisho-run',
  tmp: 'sekisho-tmp',
  custom: 'sekisho-custom',
  /** Empty, mounted where the API token would be: the ServiceAccount plugin then mounts none into our containers. */
  noToken: 'sekisho-no-token',
  /** Projected ServiceAccount token for `sekisho rules`, in the rule-updater alone. */
  token: 'sekisho-token',
} as const
/** The ConfigMap with a namespace's own ModSecurity rules, mounted optionally. */
export const CUSTOM_RULES_CONFIGMAP = 'sekisho-rules'

/** First WAF listener; the second captured port gets 15081 and so on. */
export const WAF_FIRST_PORT = 15080
export const WAF_MAX_PORTS = 16
/** Health and metrics of the WAF. */
export const WAF_HEALTH_PORT = 15021
/** Where the rule-updater's token is mounted, and for whom it is. */
export const TOKEN_DIRECTORY = '/var/run/secrets/sekisho'
export const TOKEN_AUDIENCE = 'sekisho-rules'
/** The Service and port of `sekisho rules`. */
export const RULES_SERVICE = 'sekisho-rules'
export const RULES_PORT = 8444
/** In our namespace: the CA of that Service and the keys that sign bundles, as the certificate job tells them. */
export const RULES_PUBLIC_CONFIGMAP = 'sekisho-rules-public'
/** The uid and gid of every process in our images. */
export const RUN_AS = 65532

export const SYSTEM_NAMESPACE = 'sekisho-system'
export const NODE_NAMESPACE = 'sekisho-node'
export const IDS_DAEMONSET = 'sekisho-ids'
export const TAINT_IDS_NOT_READY = 'sekisho.dev/ids-not-ready'

export const POD_SECURITY_ENFORCE = 'pod-security.kubernetes.io/enforce'
