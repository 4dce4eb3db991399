/** The configuration files of one node: containerd, its network plugin, kubelet. Why each unusual value is there stands beside it. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CNI_FOLDER } from './containerd.ts'
import { pkiFolder } from './control-plane.ts'
import { PAUSE_IMAGE } from './images/names.ts'
import { nodeAddress, podRange } from './network.ts'

export interface NodeFiles {
  readonly work: string
  readonly name: string
  /** 1 for the first node. */
  readonly number: number
  readonly cgroup: string
}

export const nodeFolder = (work: string, name: string): string => join(work, name)
export const containerdSocket = (work: string, name: string): string => join(nodeFolder(work, name), 'c.sock')

/** Writes all of them. */
export async function writeNodeFiles(node: NodeFiles): Promise<void> {
  const at = (path: string) => join(nodeFolder(node.work, node.name), path)
  const files: Record<string, string> = {
    'containerd.toml': containerdConfig(node, at),
    'cni/10-lab.conflist': cniConfig(node, at),
    'kubelet.json': kubeletConfig(node, at),
    'resolv.conf': '',
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(at(path)), { recursive: true })
    await writeFile(at(path), text)
  }
}

type At = (path: string) => string

const containerdConfig = ({ work, name }: NodeFiles, at: At): string => `version = 3
root = '${at('containerd')}'
state = '${at('containerd-state')}'
[grpc]
address = '${containerdSocket(work, name)}'
[ttrpc]
address = '${at('t.sock')}'
[plugins.'io.containerd.internal.v1.opt']
path = '${at('opt')}'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '${PAUSE_IMAGE}'
[plugins.'io.containerd.cri.v1.runtime']
# A root without CAP_SYS_RESOURCE can't lower the score, and no sandbox would start.
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['${CNI_FOLDER}']
conf_dir = '${at('cni')}'
`

const cniConfig = ({ number }: NodeFiles, at: At): string =>
  json({
    cniVersion: '0.4.0',
    name: 'lab',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        // A Pod that reaches itself through its Service.
        hairpinMode: true,
        // Sources stay what they are: the WAF's and the IDS's logs are about them.
        ipMasq: false,
        ipam: {
          type: 'host-local',
          dataDir: at('cni-state'),
          ranges: [[{ subnet: podRange(number) }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  })

const kubeletConfig = ({ work, name, cgroup }: NodeFiles, at: At): string => {
  const pki = (file: string) => join(pkiFolder(work), file)
  return json({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    failCgroupV1: false,
    failSwapOn: false,
    cgroupDriver: 'cgroupfs',
    // A tree of its own: several kubelets share the machine, and the end is one rmdir.
    cgroupRoot: `/${cgroup}`,
    oomScoreAdj: 0,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pki('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: `unix://${containerdSocket(work, name)}`,
    tlsCertFile: pki(`${name}.crt`),
    tlsPrivateKeyFile: pki(`${name}.key`),
    resolvConf: at('resolv.conf'),
    // Nothing answers there: names do not resolve, at once. Without an address each Pod would get an event that complains.
    clusterDNS: [nodeAddress(1)],
    clusterDomain: 'cluster.local',
    // The machine's disk is not the lab's affair, and images that can't be pulled again must not be collected.
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '0%',
      'imagefs.available': '0%',
      'nodefs.inodesFree': '0%',
    },
    imageGCHighThresholdPercent: 100,
    podLogsDir: at('pod-logs'),
    volumePluginDir: at('volume-plugins'),
    // ConfigMap volumes follow within seconds instead of a minute and a half.
    syncFrequency: '5s',
    readOnlyPort: 0,
  })
}

const json = (value: unknown): string => JSON.stringify(value, null, 2)
