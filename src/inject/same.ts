/**
 * Whether a container or volume in a Pod is the one we rendered. Field by field, but for what Kubernetes itself does to every Pod after us:
 *
 *   quantities       may be written otherwise (`1024Mi`, `1Gi`)
 *   resources        may have further names, from a LimitRange (`ephemeral-storage`)
 *   imagePullPolicy  may be `Always`, from the plugin AlwaysPullImages
 *   unknown fields   in the validating call only: a newer API server may fill in fields this version has never heard of; refusing them
 *                    would lock every protected namespace on the day of the upgrade. In the mutating call, which sees what users write,
 *                    they count as a difference, so none of theirs ever gets so far.
 */
import { sameQuantity } from './quantity.ts'

export type Tolerance = 'strict' | 'later-fields'

/** Every field Kubernetes 1.37 has below a container or one of our volumes. What is not in it is unknown. */
const KNOWN = new Set(
  `add allowPrivilegeEscalation apiVersion appArmorProfile args capabilities claims command configMap configMapKeyRef containerPort
  defaultMode divisor drop emptyDir env envFrom exec failureThreshold fieldPath fieldRef fileKeyRef gmsaCredentialSpec
  gmsaCredentialSpecName grpc host hostIP hostPort hostProcess httpGet httpHeaders image imagePullPolicy initialDelaySeconds items key
  level lifecycle limits livenessProbe localhostProfile medium mode mountPath mountPropagation name optional path periodSeconds port
  ports postStart preStop prefix privileged procMount protocol readOnly readOnlyRootFilesystem readinessProbe recursiveReadOnly request
  requests resizePolicy resource resourceFieldRef resourceName resources restartPolicy restartPolicyRules role runAsGroup runAsNonRoot
  runAsUser runAsUserName scheme seLinuxOptions seccompProfile secretKeyRef secretRef securityContext service sizeLimit sleep startupProbe
  stdin stdinOnce stopSignal subPath subPathExpr successThreshold tcpSocket terminationGracePeriodSeconds terminationMessagePath
  terminationMessagePolicy timeoutSeconds tty type user value valueFrom volumeDevices volumeMounts windowsOptions workingDir
  awsElasticBlockStore azureDisk azureFile cephfs cinder csi downwardAPI ephemeral fc flexVolume flocker gcePersistentDisk gitRepo
  glusterfs hostPath image iscsi nfs persistentVolumeClaim photonPersistentDisk portworxVolume projected quobyte rbd scaleIO secret
  storageos vsphereVolume audience clusterTrustBundle expirationSeconds labelSelector podCertificate serviceAccountToken signerName
  sources`.split(/\s+/),
)

type Fields = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * The path of the first difference, or undefined where there is none.
 * @param wanted what we rendered: always walked whole.
 */
export function differenceOf(present: unknown, wanted: unknown, tolerance: Tolerance, path = ''): string | undefined {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(present) || present.length !== wanted.length) return path
    for (const [i, item] of wanted.entries()) {
      const difference = differenceOf(present[i], item, tolerance, `${path}[${i}]`)
      if (difference !== undefined) return difference
    }
    return undefined
  }
  if (!isObject(wanted)) return sameValue(present, wanted, path) ? undefined : path
  if (!isObject(present)) return path
  for (const key of Object.keys(wanted)) {
    const difference = differenceOf(present[key], wanted[key], tolerance, `${path}.${key}`)
    if (difference !== undefined) return difference
  }
  const extra = Object.keys(present).find((key) => !Object.hasOwn(wanted, key) && !allowed(key, path, tolerance))
  return extra === undefined ? undefined : `${path}.${extra}`
}

const inResources = (path: string): boolean => /^\.resources\.(requests|limits)$/.test(path)

function allowed(key: string, path: string, tolerance: Tolerance): boolean {
  if (inResources(path)) return true
  return tolerance === 'later-fields' && !KNOWN.has(key)
}

function sameValue(present: unknown, wanted: unknown, path: string): boolean {
  if (present === wanted) return true
  if (path === '.imagePullPolicy') return present === 'Always'
  return /^\.(resources\.(requests|limits)\.|emptyDir\.sizeLimit)/.test(path) && sameQuantity(present, wanted)
}
