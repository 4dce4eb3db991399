/**
 * Who opens the glass: whoever sets or prolongs `spec.breakGlass`, gives it another reason, or makes an open one hold for other Pods. `by` is
 * theirs; whatever else a request says there is overwritten, and refused where it comes through all the same.
 */
import type { WafPolicySpec } from '../../api/waf-policy.ts'
import { equal } from '../../inject/equal.ts'

type Glass = NonNullable<WafPolicySpec['breakGlass']>

export interface GlassChange {
  /** As it would become. */
  readonly spec: WafPolicySpec
  readonly oldSpec: WafPolicySpec | undefined
  /** `request.userInfo.username` */
  readonly username: string
  /** Milliseconds since 1970. */
  readonly now: number
}

const isOpen = (glass: Glass, now: number): boolean => !(Date.parse(glass.until) <= now)

/** Whether the request opens more than stood open. Shortening and closing open nothing, and what is over stays over. */
export function opens({ spec, oldSpec, now }: GlassChange): boolean {
  const glass = spec.breakGlass
  const old = oldSpec?.breakGlass
  if (glass === undefined) return false
  // A time that cannot be read is refused elsewhere; until then it counts as new.
  if (old === undefined || glass.reason !== old.reason || !(Date.parse(glass.until) <= Date.parse(old.until)))
    return true
  return isOpen(glass, now) && !equal(spec.selector ?? {}, oldSpec?.selector ?? {})
}

/** What must stand in `spec.breakGlass.by`; undefined where there is no break-glass. */
export const rightBy = (change: GlassChange): string | undefined =>
  change.spec.breakGlass === undefined ? undefined : opens(change) ? change.username : change.oldSpec?.breakGlass?.by
