/** Where a caller was: an IP address, or a word of the cloud's in its place (`private`, `AWS Internal`, `config.amazonaws.com`). */

const V4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/
const V6 = /^(?=.{2,45}$)(?=.*:.*:)[0-9a-fA-F:]+(?:\.\d{1,3}){0,3}(?:%[\w.-]{1,20})?$/

export const isAddress = (text: string): boolean => V4.test(text) || V6.test(text)

export const origin = (text: string): { readonly address?: string; readonly service?: string } => {
  if (text === '' || text === '-') return {}
  return isAddress(text) ? { address: text } : { service: text.slice(0, 200) }
}

/** A network so wide that it means everybody: `0.0.0.0/0`, or its halves. */
export const isEverywhere = (cidr: string): boolean => {
  const bits = /^[0-9a-fA-F.:]+\/(\d{1,3})$/.exec(cidr)?.[1]
  return bits !== undefined && Number(bits) < 8
}
