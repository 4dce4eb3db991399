/** Lists of any length, a page at a time. */
import type { ApiClient, RequestOptions } from './api-client.ts'

interface Page {
  readonly items?: readonly unknown[] | null
  readonly metadata?: { readonly continue?: string }
}

const PAGE = 500

/** Every object of a list. @throws ApiError; 410 where the list took longer than the API server remembers. */
export async function* listAll<T = unknown>(
  client: ApiClient,
  path: string,
  options: RequestOptions = {},
): AsyncGenerator<T> {
  let next: string | undefined
  do {
    const query: RequestOptions['query'] = { limit: PAGE, ...options.query, continue: next }
    const page: Page = await client.request<Page>('GET', path, { ...options, query })
    yield* (page.items ?? []) as readonly T[]
    next = page.metadata?.continue || undefined
  } while (next !== undefined)
}
