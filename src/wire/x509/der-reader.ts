import { limits } from './limits.ts'
import { Malformed } from './malformed.ts'

/*
 * Theory of operation. The whole structure is walked once, in a loop with its own stack, before anything is interpreted:
 * what comes out is a tree whose every length is known to fit. Recursion is not used, so nesting cannot exhaust the
 * engine's stack (CVE-2025-66031), and depth, elements and bytes are bounded. BER that is not DER is refused: two
 * encodings of one meaning are two chances to disagree with whoever else reads the certificate.
 */

/** One DER element, as positions in the bytes it came from. `children` is empty for a primitive element. */
export type DerNode = {
  readonly tag: number
  readonly source: Buffer
  readonly start: number
  readonly body: number
  readonly end: number
  readonly children: readonly DerNode[]
}

/** The element's bytes with its header. Shares memory. */
export function wholeOf(node: DerNode): Buffer {
  return node.source.subarray(node.start, node.end)
}

/** The element's bytes without its header. Shares memory. */
export function contentOf(node: DerNode): Buffer {
  return node.source.subarray(node.body, node.end)
}

/**
 * Reads exactly one DER element and everything inside it. Throws {@link Malformed} for anything that is not DER (X.690
 * section 10): indefinite or padded lengths, high tag numbers, constructed strings, end-of-contents, trailing bytes,
 * or more than the {@link limits} allow.
 */
export function readDer(source: Buffer, maxBytes: number = limits.structureBytes, maxNodes: number = limits.nodes): DerNode {
  if (source.length > maxBytes) throw new Malformed(`it is larger than ${maxBytes} bytes`)
  const roots: DerNode[] = []
  const open: { readonly end: number; readonly into: DerNode[] }[] = [{ end: source.length, into: roots }]
  let at = 0
  let nodes = 0
  for (;;) {
    let frame = open.at(-1)
    while (frame && at === frame.end) {
      open.pop()
      frame = open.at(-1)
    }
    if (!frame) break
    if (open.length === 1 && roots.length === 1) throw new Malformed('bytes follow its end')
    if (++nodes > maxNodes) throw new Malformed(`it has more than ${maxNodes} elements`)
    const start = at
    const tag = source[at++] ?? 0
    refuseTag(tag)
    const length = readLength(source, at, frame.end)
    at = length.body
    const end = at + length.value
    if (end > frame.end) throw new Malformed('an element is longer than what holds it')
    const children: DerNode[] = []
    frame.into.push({ tag, source, start, body: at, end, children })
    if ((tag & 0x20) === 0) at = end
    else if (open.length > limits.depth) throw new Malformed(`it nests deeper than ${limits.depth} levels`)
    else open.push({ end, into: children })
  }
  const root = roots[0]
  if (!root) throw new Malformed('it is empty')
  return root
}

function refuseTag(tag: number): void {
  if (tag === 0) throw new Malformed('it holds an end-of-contents marker')
  if ((tag & 0x1f) === 0x1f) throw new Malformed('it uses a high tag number')
  if ((tag & 0xc0) !== 0) return
  const constructed = (tag & 0x20) !== 0
  const collection = (tag & 0x1f) === 0x10 || (tag & 0x1f) === 0x11
  if (constructed !== collection) throw new Malformed('an element is constructed where DER wants it primitive, or the reverse')
}

function readLength(source: Buffer, at: number, end: number): { readonly value: number; readonly body: number } {
  const first = at < end ? source[at] : undefined
  if (first === undefined) throw new Malformed('an element is cut off')
  if (first < 0x80) return { value: first, body: at + 1 }
  const count = first & 0x7f
  if (count === 0) throw new Malformed('it uses an indefinite length')
  if (count > 3) throw new Malformed('an element is longer than what holds it')
  if (at + 1 + count > end) throw new Malformed('an element is cut off')
  const value = source.readUIntBE(at + 1, count)
  if (value < 0x80 || (count > 1 && source[at + 1] === 0)) throw new Malformed('a length is not in its shortest form')
  return { value, body: at + 1 + count }
}

/** Walks the children of a constructed element in order. Guards the position, so that no field is read twice or skipped unseen. */
export class Fields {
  readonly #nodes: readonly DerNode[]
  readonly #what: string
  #at = 0

  /** `what` names the structure in refusals. The node must have `tag`. */
  constructor(node: DerNode, tag: number, what: string) {
    if (node.tag !== tag) throw new Malformed(`${what} has the wrong type`)
    this.#nodes = node.children
    this.#what = what
  }

  /** The next field, which must be there, with this tag. */
  next(tag: number, name: string): DerNode {
    const node = this.any(name)
    if (node.tag !== tag) throw new Malformed(`${name} of ${this.#what} has the wrong type`)
    return node
  }

  /** The next field, of whatever type. */
  any(name: string): DerNode {
    const node = this.#nodes[this.#at++]
    if (!node) throw new Malformed(`${this.#what} lacks ${name}`)
    return node
  }

  /** The next field if it has this tag. */
  optional(tag: number): DerNode | undefined {
    const node = this.#nodes[this.#at]
    if (node?.tag !== tag) return undefined
    this.#at++
    return node
  }

  /** Whether every field has been read. */
  get done(): boolean {
    return this.#at >= this.#nodes.length
  }

  /** Refuses fields that nobody asked for. */
  finish(): void {
    if (!this.done) throw new Malformed(`${this.#what} has fields that do not belong there`)
  }
}
