import { type Result, ok, refuse } from '#base'

/** Blocks of one blob (Azure Blob storage). */
export const maxBlocks = 50_000
/** Longest block id, in bytes, decoded. */
const maxIdBytes = 64

/** A block id as it came, in base64. Undefined: it is none. */
export function parseBlockId(text: string | null): string | undefined {
  if (text === null || text.length === 0 || text.length > 4 * Math.ceil(maxIdBytes / 3)) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.length > 0 && bytes.length <= maxIdBytes && bytes.toString('base64') === text ? text : undefined
}

/**
 * Reads a block list: `<BlockList>` with `<Latest>` and `<Uncommitted>`, in order, and nothing else that XML could say: no document type, no entities, no
 * attributes, no comments. Refuses `hub/block-list`, also for `<Committed>`: a blob is made of the blocks of its upload alone.
 */
export function parseBlockList(xml: string): Result<readonly string[]> {
  const body = xml.replace(/^\uFEFF?\s*(?:<\?xml[^<>]{0,100}\?>)?\s*/, '').trimEnd()
  if (/^<BlockList\s*\/>$/.test(body)) return ok([])
  const open = '<BlockList>'
  const close = '</BlockList>'
  if (!body.startsWith(open) || !body.endsWith(close)) return malformed('no BlockList')
  const ids: string[] = []
  const end = body.length - close.length
  let at = skipSpace(body, open.length)
  while (at < end) {
    const tag = body.startsWith('<Latest>', at) ? 'Latest' : body.startsWith('<Uncommitted>', at) ? 'Uncommitted' : undefined
    if (tag === undefined) return malformed('an element that is neither Latest nor Uncommitted')
    const start = at + tag.length + 2
    const stop = body.indexOf('</', start)
    if (stop < 0 || !body.startsWith(`</${tag}>`, stop)) return malformed('an element without an end')
    const id = parseBlockId(body.slice(start, Math.min(stop, start + 200)).trim())
    if (id === undefined) return malformed('a block id that is none')
    if (ids.push(id) > maxBlocks) return malformed('too many blocks')
    at = skipSpace(body, stop + tag.length + 3)
  }
  return ok(ids)
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++
  return at
}

function malformed(detail: string): Result<never> {
  return refuse('hub/block-list', 'The block list is malformed, or names a block that was not uploaded.', detail)
}
