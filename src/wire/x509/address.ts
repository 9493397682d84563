/** The bytes of an IP address in its usual text: 4 for v4 (four decimal parts, no leading zeros), 16 for v6; undefined otherwise. */
export function parseAddress(text: string): Buffer | undefined {
  return text.includes(':') ? parseV6(text) : parseV4(text)
}

function parseV4(text: string): Buffer | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || parts.some((part) => !/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255)) return undefined
  return Buffer.from(parts.map(Number))
}

function parseV6(text: string): Buffer | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = [groups(halves[0] ?? ''), groups(halves[1] ?? '')]
  if (!head || !tail) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const out = Buffer.alloc(16)
  const all = [...head, ...Array.from({ length: Math.max(0, missing) }, () => 0), ...tail]
  for (const [n, group] of all.entries()) out.writeUInt16BE(group, n * 2)
  return out
}

// The 16-bit groups of one side of `::`; a v4 address may stand for the last two.
function groups(text: string): readonly number[] | undefined {
  if (text === '') return []
  const out: number[] = []
  const parts = text.split(':')
  for (const [n, part] of parts.entries()) {
    const v4 = n === parts.length - 1 && part.includes('.') ? parseV4(part) : undefined
    if (v4) out.push(v4.readUInt16BE(0), v4.readUInt16BE(2))
    else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) out.push(Number.parseInt(part, 16))
    else return undefined
  }
  return out
}

/** Text of 4 or 16 address bytes; v6 as RFC 5952 writes it. Any other length gives undefined. */
export function formatAddress(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length !== 16) return undefined
  const view = Buffer.from(bytes)
  const all = Array.from({ length: 8 }, (_, n) => view.readUInt16BE(n * 2))
  let best = { at: 0, length: 1 }
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (all[at + length] === 0) length++
    if (length > best.length) best = { at, length }
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  return best.length < 2 ? hex(all) : `${hex(all.slice(0, best.at))}::${hex(all.slice(best.at + best.length))}`
}
