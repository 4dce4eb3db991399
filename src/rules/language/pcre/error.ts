/** Why a pattern does not compile, and at which byte of it. */
export class PcreError extends Error {
  override readonly name = 'PcreError'
  readonly offset: number
  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}
