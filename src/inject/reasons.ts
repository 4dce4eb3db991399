/**
 * Every reason the injector can give: a code to count, what it says, why, and what mends it.
 * docs/reference/inject-reasons.md shows the same table; a test compares the two.
 *
 * What becomes of an entry is its kind:
 *   done      the request passes, nothing has to be mended
 *   nothing   nothing to protect: refused where the Pod itself asks, else let through with a warning
 *   obstacle  cannot be protected: refused where the Pod itself asks, where the mode is `block` or where the platform sets a floor;
 *             else let through with a warning
 *   round     a way round the WAF: refused in `block`, a warning in `detect`
 *   refusal   always refused
 *   warning   always let through, with a warning
 */

export type Kind = 'done' | 'nothing' | 'obstacle' | 'round' | 'refusal' | 'warning'

export interface Reason {
  readonly kind: Kind
  /** Follows "Pod shop/web is refused: ". `{word}` stands for a value. */
  readonly what: string
  readonly why: string
  /** The line that mends it; empty where nothing has to be mended. */
  readonly mend: string
}

const reason = (kind: Kind, what: string, why = '', mend = ''): Reason => Object.freeze({ kind, what, why, mend })

export const REASONS = {
  Injected: reason('done', 'the WAF stands before {ports} in mode {mode}'),
  NotAsked: reason('done', 'nothing asks for a WAF'),
  Off: reason('done', 'its label sekisho.dev/waf says off, and the platform allows it'),
  MirrorPod: reason('done', 'it is the mirror of a static Pod, which nobody may change'),
  NotConcerned: reason('done', 'nothing in it touches what Sekisho keeps'),
  Verified: reason('done', 'it carries what Sekisho put in, and nothing else touches it'),

  NoHttpPort: reason(
    'nothing',
    'it has no HTTP port',
    'the WAF takes ports whose name is http, http2, web, grpc or h2c, alone or before a hyphen',
    'name the port (ports: [{name: http, containerPort: 8080}]) or list it in the annotation sekisho.dev/waf-ports: "8080"',
  ),
  TlsPort: reason(
    'nothing',
    'its only web port {ports} carries TLS up to the app',
    'the WAF cannot read what is encrypted',
    'end TLS before the Pod (at the ingress or load balancer) and serve HTTP on a port named http',
  ),

  HostNetwork: reason(
    'obstacle',
    'it uses hostNetwork',
    'its ports are ports of the node, so requests would not pass the WAF',
    'take hostNetwork: true out of the Pod',
  ),
  SharedProcesses: reason(
    'obstacle',
    'it sets {field}: true',
    "the app could see, read and end the WAF's processes",
    'take {field}: true out of the Pod',
  ),
  ServiceMesh: reason(
    'obstacle',
    'it carries the service mesh sidecar {container}',
    "the mesh takes the Pod's traffic before the WAF sees it, and both want the same ports",
    'switch the mesh off for this Pod ({hint})',
  ),
  SandboxedRuntime: reason(
    'obstacle',
    'its runtime class {class} is a sandbox',
    'a sandbox brings a network stack of its own, in which capture is not proven',
    'take runtimeClassName: {class} out of the Pod',
  ),
  Windows: reason(
    'obstacle',
    'it is a Windows Pod',
    'the WAF is a Linux container',
    'put a Linux reverse proxy with the label sekisho.dev/waf: block before it',
  ),
  PortClash: reason(
    'obstacle',
    'its container {container} uses port {port}',
    'the WAF listens there ({taken} are its own)',
    'let the app use another port',
  ),
  TooManyPorts: reason(
    'obstacle',
    'it has {count} HTTP ports',
    'the WAF has {max} listeners',
    'list those to protect in the annotation sekisho.dev/waf-ports, {max} at most',
  ),
  SharedPort: reason(
    'obstacle',
    'its port {port} has more than one name ({names})',
    'a name left over would lead round the WAF',
    'keep one ports entry for {port} and use its name everywhere',
  ),
  PortNameTaken: reason(
    'obstacle',
    'its port name {name} would stand for {port} and for {other}',
    'a Service that uses the name would lead round the WAF',
    'give the ports different names',
  ),
  AmbiguousPorts: reason(
    'obstacle',
    'any of its ports {ports} could be HTTP and no name says which',
    'a guess would leave the other one open',
    'annotate the Pod with those that are HTTP, e.g. sekisho.dev/waf-ports: "{first}"',
  ),

  HostPort: reason(
    'round',
    'its container {container} opens port {port} on the node (hostPort: {hostPort})',
    "requests to the node's address would lead round the WAF",
    'take hostPort out; a Service of type NodePort or LoadBalancer passes the WAF',
  ),
  ServiceByNumber: reason(
    'round',
    "Service {service} sends to the app's port {port} itself (targetPort: {target})",
    'its requests would lead round the WAF, which took over the name {name}',
    `kubectl -n {namespace} patch service {service} --type=json -p '[{"op":"add","path":"/spec/ports/{index}/targetPort","value":"{name}"}]'`,
  ),
  PolicyByNumber: reason(
    'round',
    "NetworkPolicy {policy} names the app's port {port} by number",
    'it opens the way round the WAF and cuts off the WAF itself, which listens on {listener}',
    'kubectl -n {namespace} edit networkpolicy {policy}   # write port: {listener} instead of {port}',
  ),

  TargetsAppPort: reason(
    'round',
    "its port {at} sends to the app's port {port} itself (targetPort: {target}), in Pod {pod}",
    'its requests would lead round the WAF, which took over the name {name}',
    'write targetPort: {name}',
  ),
  NamesAppPort: reason(
    'round',
    "it names the app's port {port} by number, in Pod {pod}",
    'it opens the way round the WAF and cuts off the WAF itself, which listens on {listener}',
    'write port: {listener} instead of {port}',
  ),

  UnknownMode: reason(
    'refusal',
    'its label sekisho.dev/waf is {value}',
    'the values are block, detect and off',
    'set the label sekisho.dev/waf: block in the Pod (in a workload: in its template)',
  ),
  UnknownNamespaceMode: reason(
    'refusal',
    'the label sekisho.dev/waf of its namespace is {value}',
    'the values are block and detect',
    'kubectl label namespace {namespace} sekisho.dev/waf=block --overwrite',
  ),
  UnknownUpstream: reason(
    'refusal',
    'its annotation sekisho.dev/waf-upstream is {value}',
    "the only value is loopback; without the annotation the app is reached at the Pod's own address",
    'write sekisho.dev/waf-upstream: loopback, or take the annotation out',
  ),
  BadPorts: reason(
    'refusal',
    'its annotation sekisho.dev/waf-ports is {value}, and {fault}',
    'it lists ports from 1 to 65535, each alone or with /http, /grpc or /tls',
    'write it like sekisho.dev/waf-ports: "8080,9090/grpc,8443/tls"',
  ),
  PortNotDeclared: reason(
    'refusal',
    'its annotation sekisho.dev/waf-ports names {port}, which no container declares over TCP',
    'a mistyped number would leave the real port open',
    'declare it (ports: [{containerPort: {port}}]) or correct the annotation',
  ),
  ReservedVolume: reason(
    'refusal',
    'its container {container} mounts the volume {volume}',
    'volumes named sekisho-… belong to the WAF, and who writes there writes its rules',
    'take the mount out, or give a volume of your own another name',
  ),
  ReservedPortName: reason(
    'refusal',
    'its container {container} names a port {name}',
    'names that begin with sekisho- belong to the WAF',
    'give the port another name',
  ),
  NoContainerLeft: reason(
    'refusal',
    'every container in it has a name that begins with sekisho-',
    'such containers are replaced by ours, and none of the app is left',
    'give the container of the app another name',
  ),
  BadNodeSelector: reason(
    'refusal',
    'the annotation sekisho.dev/node-selector of its namespace is {value}',
    'it must be a list of key=value, else nobody knows which nodes are meant',
    'kubectl annotate namespace {namespace} sekisho.dev/node-selector=pool=web --overwrite',
  ),
  NodeSelectorConflict: reason(
    'refusal',
    'its nodeSelector has {key}: {value}',
    'the annotation sekisho.dev/node-selector holds Pods of this namespace to {key}: {wanted}',
    'take {key} out of the nodeSelector',
  ),
  Malformed: reason(
    'refusal',
    'its {path} is not {expected}',
    'Kubernetes itself would not take it',
    'correct {path}; kubectl explain pod.{path} shows its form',
  ),

  SidecarsDiffer: reason(
    'refusal',
    'what Sekisho put in is not there as it was put in: {first}',
    'another webhook changed it afterwards, or Sekisho is being upgraded at this moment',
    'try again; if it stays: kubectl get mutatingwebhookconfigurations shows who else changes Pods',
  ),
  KeyChanged: reason(
    'refusal',
    'its {kind} {key} changes',
    'a running Pod keeps the protection it started with',
    'change it where the Pod comes from (in a workload: in its template), so that a new Pod is made',
  ),
  SidecarChanged: reason(
    'refusal',
    'its container {container} changes',
    'containers named sekisho-… belong to the WAF',
    "leave {container} out of the change; its resources are set in the platform's configuration (inject.resources)",
  ),
  EphemeralTouches: reason(
    'refusal',
    'its ephemeral container {container} {touch}',
    "who gets at the WAF's processes or files can change what it lets through",
    'kubectl debug without --target and without sekisho-… volumes; logs: kubectl logs -c sekisho-waf',
  ),
  TolerationAdded: reason(
    'refusal',
    'its new toleration {toleration} covers the taint sekisho.dev/ids-not-ready',
    'the taint keeps Pods off nodes without a working IDS',
    'take the toleration out, or name the key of the taint that is meant',
  ),

  TlsOpen: reason(
    'warning',
    'its port {port} carries TLS up to the app and is not inspected',
    'the WAF cannot read what is encrypted',
    'end TLS before the Pod, or say that it is meant: sekisho.dev/waf-ports: "{suggestion}"',
  ),
  NotTcp: reason(
    'warning',
    'its port {port} ({name}) is {protocol} and is not inspected',
    'the WAF reads HTTP over TCP',
    'serve it over TCP, or rename the port if it is not HTTP',
  ),
  PortNotListed: reason(
    'warning',
    'its port {port} ({name}) is not inspected',
    'the annotation sekisho.dev/waf-ports decides and does not list it',
    'sekisho.dev/waf-ports: "{suggestion}"',
  ),
  PortNamed: reason(
    'warning',
    "its unnamed port {port} is taken for HTTP, and the WAF's port is named {name}",
    'Services reach the WAF by a port name',
    'name the port {name} in the Pod and write targetPort: {name} in its Services',
  ),
  RaisedToFloor: reason(
    'warning',
    'it gets mode {mode}, not {wanted}',
    'the platform allows nothing weaker',
    'write sekisho.dev/waf: {mode}',
  ),
  OffNotAllowed: reason(
    'warning',
    'it gets a WAF in mode {mode} although its label sekisho.dev/waf says off',
    'the platform does not allow off here',
    'write sekisho.dev/waf: {mode}',
  ),
} as const satisfies Record<string, Reason>

export type ReasonCode = keyof typeof REASONS
