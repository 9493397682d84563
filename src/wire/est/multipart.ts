/** One part of a body: its type, and base64 text. */
export type Part = { readonly type: string; readonly body: string }

/** `multipart/mixed` of base64 parts (RFC 2046 section 5.1.3, RFC 7030 section 4.4.2). The boundary holds an underscore, which base64 never does. */
export function multipartMixed(parts: readonly Part[], boundary: string): { readonly type: string; readonly body: string } {
  const line = `thingwall_${boundary}`
  const body = parts.map((part) => `--${line}\r\ncontent-type: ${part.type}\r\ncontent-transfer-encoding: base64\r\n\r\n${part.body}\r\n`)
  return { type: `multipart/mixed; boundary=${line}`, body: `${body.join('')}--${line}--\r\n` }
}
