/** Nodes and IDS Pods as a kubelet and the DaemonSet's controller would write them, written without either. */
export const SENSORS = '/api/v1/namespaces/sekisho-node/pods'
/** As many images as kubelets report. */
const IMAGES = 50

export const bareNode = (name: string) => ({
  metadata: {
    name,
    labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
  },
  status: {
    conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }],
    nodeInfo: {
      operatingSystem: 'linux',
      architecture: 'amd64',
      kernelVersion: '6.18',
      osImage: 'bare',
      kubeletVersion: 'v1.37.2',
      kubeProxyVersion: '',
      containerRuntimeVersion: 'bare://1',
      machineID: name,
      systemUUID: name,
      bootID: name,
    },
    images: Array.from({ length: IMAGES }, (_, i) => ({
      names: [`registry.local/some/image-${i}@sha256:${'0'.repeat(64)}`, `registry.local/some/image-${i}:1.2.3`],
      sizeBytes: 100_000_000 + i,
    })),
  },
})

export const bareSensor = (node: string, daemonSet: string) => ({
  metadata: {
    name: `ids-${node}`,
    labels: { 'app.kubernetes.io/name': 'sekisho-ids' },
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'sekisho-ids', uid: daemonSet, controller: true },
    ],
  },
  spec: {
    nodeName: node,
    hostNetwork: true,
    serviceAccountName: 'sekisho-ids',
    automountServiceAccountToken: false,
    tolerations: [{ operator: 'Exists' }],
    containers: ['suricata', 'agent'].map((name) => ({ name, image: 'registry.local/sekisho/sekisho-ids:dev' })),
  },
})

const status = (is: boolean) => ({
  status: {
    phase: 'Running',
    conditions: ['Ready', 'ContainersReady'].map((type) => ({
      type,
      status: is ? 'True' : 'False',
      lastTransitionTime: new Date().toISOString(),
    })),
    containerStatuses: ['suricata', 'agent'].map((name) => ({
      name,
      image: 'x',
      imageID: '',
      restartCount: 0,
      ready: is || name === 'suricata',
      state: { running: { startedAt: new Date().toISOString() } },
    })),
  },
})
export const ready = () => status(true)
export const notReady = () => status(false)
