/** One row of RFC 4180 in one text: quoted fields double their quotes. A quote that is not closed means that the row broke off. */
export interface Row {
  readonly fields: readonly string[]
  readonly complete: boolean
}

export const csvRow = (text: string, max = 200): Row => {
  const fields: string[] = []
  let at = 0
  while (at <= text.length && fields.length < max) {
    if (text[at] !== '"') {
      const comma = text.indexOf(',', at)
      fields.push(comma < 0 ? text.slice(at) : text.slice(at, comma))
      if (comma < 0) break
      at = comma + 1
      continue
    }
    let end = text.indexOf('"', at + 1)
    while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2)
    if (end < 0) {
      fields.push(text.slice(at + 1).replaceAll('""', '"'))
      return { fields, complete: false }
    }
    const field = text.slice(at + 1, end)
    fields.push(field.includes('"') ? field.replaceAll('""', '"') : field)
    if (end + 1 < text.length && text[end + 1] !== ',') return { fields, complete: false }
    if (end + 1 >= text.length) break
    at = end + 2
  }
  return { fields, complete: true }
}
