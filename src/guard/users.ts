/**
 * Who is always let through: the namespace controller and the garbage collector, or deleting a namespace could hang for ever.
 * Without `--use-service-account-credentials` both act as the controller manager itself.
 */
import type { UserInfo } from '../api/kube.ts'

const ALWAYS = new Set([
  'system:serviceaccount:kube-system:namespace-controller',
  'system:serviceaccount:kube-system:generic-garbage-collector',
  'system:kube-controller-manager',
])

/** True for the controllers that clean up after a deletion. */
export const cleansUp = (user: UserInfo): boolean => ALWAYS.has(user.username)
