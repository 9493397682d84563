import type { Result } from '#base'

/** Identities in their order, page by page; `after` is the last one seen. A page may be empty and still have a `next`. */
export type IdentityPages = (
  after: string | undefined,
) => Promise<Result<{ readonly identities: readonly string[]; readonly next: string | undefined }>>

/** One of several sources of identities, and what it stands for. */
export type IdentitySource<T> = { readonly tag: T; readonly pages: IdentityPages }

/**
 * Merges ordered sources into one: each identity once, in order, with the tags of all sources that have it. Holds one page of each source. Throws
 * {@link SourceRefused} when a source refuses, for then nobody knows what it has.
 */
export async function* mergeIdentities<T>(
  sources: readonly IdentitySource<T>[],
): AsyncGenerator<{ readonly identity: string; readonly tags: readonly T[] }> {
  const readers = sources.map((source) => new SourceReader(source))
  for (;;) {
    let first: string | undefined
    for (const reader of readers) {
      const identity = await reader.peek()
      if (identity !== undefined && (first === undefined || compareIdentities(identity, first) < 0)) first = identity
    }
    if (first === undefined) return
    const tags: T[] = []
    for (const reader of readers)
      if ((await reader.peek()) === first) {
        tags.push(reader.tag)
        reader.skip()
      }
    yield { identity: first, tags }
  }
}

/** The order of queries: by device, then by module. A slash is in no device id. */
export function compareIdentities(left: string, right: string): number {
  const [leftDevice = '', leftModule = ''] = split(left)
  const [rightDevice = '', rightModule = ''] = split(right)
  return compareText(leftDevice, rightDevice) || compareText(leftModule, rightModule)
}

/** A source that could not be read, with its refusal. */
export class SourceRefused extends Error {
  readonly tag: unknown
  constructor(tag: unknown, message: string) {
    super(message)
    this.name = 'SourceRefused'
    this.tag = tag
  }
}

/** Where a source stands. */
class SourceReader<T> {
  readonly tag: T
  readonly #pages: IdentityPages
  #page: readonly string[] = []
  #at = 0
  #after: string | undefined
  #isOver = false

  constructor({ tag, pages }: IdentitySource<T>) {
    this.tag = tag
    this.#pages = pages
  }

  async peek(): Promise<string | undefined> {
    while (this.#at >= this.#page.length && !this.#isOver) {
      const page = await this.#pages(this.#after)
      if (!page.ok) throw new SourceRefused(this.tag, page.error.message)
      this.#page = page.value.identities
      this.#at = 0
      this.#isOver = page.value.next === undefined
      this.#after = page.value.next
    }
    return this.#page[this.#at]
  }

  skip(): void {
    this.#at++
  }
}

function split(identity: string): readonly string[] {
  const slash = identity.indexOf('/')
  return slash < 0 ? [identity] : [identity.slice(0, slash), identity.slice(slash + 1)]
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
