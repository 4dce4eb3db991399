export async function ensureContainerd(_o: object): Promise<Record<string, string>> {
  return {}
}
