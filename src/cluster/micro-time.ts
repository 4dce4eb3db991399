/** A moment as Kubernetes writes its MicroTime: RFC 3339 with six digits of a second. @param at ms since 1970 */
export const microTime = (at: number): string => new Date(at).toISOString().replace('Z', '000Z')
