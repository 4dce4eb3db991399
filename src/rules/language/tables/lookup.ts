/** Looking up what a file says in a table: `constructor` is no transformation, though every object has one. */

/** The entry of that very name. */
export const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined

/** The engine ignores case in names; this finds the one spelling that the rest of the program knows. */
export const canonical = <T>(table: Readonly<Record<string, T>>): ((name: string) => string | undefined) => {
  const names = new Map(Object.keys(table).map((name) => [name.toLowerCase(), name]))
  return (name) => names.get(name.toLowerCase())
}
