/** Others' text in a sentence for a person: quoted, on one line, without control characters, short. */
export const quoted = (text: string, most = 100): string => {
  const cut = text.length > most ? `${text.slice(0, most - 1)}…` : text
  // JSON leaves DEL, C1 controls, line separators and text-direction marks as they are; a terminal or a page may not.
  return JSON.stringify(cut).replace(/[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, (one) => {
    return `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
