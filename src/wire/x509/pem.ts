import type { Result } from '#base'
import { limits } from './limits.ts'
import { Malformed, decoding } from './malformed.ts'

/** What a PEM block can hold here. */
export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'X509 CRL'

/** Text encoding of `der` (RFC 7468): 64 characters a line, a newline at the end. */
export function encodePem(label: PemLabel, der: Uint8Array): string {
  const text = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64')
  let body = ''
  for (let at = 0; at < text.length; at += 64) body += `${text.slice(at, at + 64)}\n`
  return `-----BEGIN ${label}-----\n${body}-----END ${label}-----\n`
}

const block = /-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n([A-Za-z0-9+/=\r\n]*?)-----END ([A-Z0-9 ]{1,40})-----(?:\r?\n|$)/y

/**
 * Reads one or more blocks of one label. Stricter than RFC 7468 asks: nothing but blank lines may stand outside the blocks,
 * lines have 64 characters but the last, and the base64 must be the one that encodes these bytes. `NEW CERTIFICATE REQUEST`
 * is taken for `CERTIFICATE REQUEST`, as RFC 7468 section 7 asks of parsers.
 */
export function decodePem(label: PemLabel, text: string): Result<readonly Buffer[]> {
  return decoding('PEM text', () => {
    const most = label === 'X509 CRL' ? limits.revocationListBytes * 2 : limits.pemCharacters
    if (text.length > most) throw new Malformed(`it has more than ${most} characters`)
    const found: Buffer[] = []
    let at = 0
    for (;;) {
      while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at++
      if (at === text.length) break
      if (found.length === limits.pemBlocks) throw new Malformed(`it has more than ${limits.pemBlocks} blocks`)
      block.lastIndex = at
      const match = block.exec(text)
      if (!match) throw new Malformed('something other than a PEM block stands there')
      const [whole, begin = '', body = '', end] = match
      if (begin !== end) throw new Malformed('a block ends with another label than it began with')
      const known = begin === label || (label === 'CERTIFICATE REQUEST' && begin === 'NEW CERTIFICATE REQUEST')
      // Never echo the label: it may be a private key pasted by mistake, and then the sentence says so.
      if (begin.endsWith('PRIVATE KEY')) throw new Malformed('it holds a private key, which must not leave its owner')
      if (!known) throw new Malformed(`it holds something other than a ${label.toLowerCase()}`)
      found.push(decodeBody(body))
      at += whole.length
    }
    if (found.length === 0) throw new Malformed('it is empty')
    return found
  })
}

function decodeBody(body: string): Buffer {
  const lines = body.split(/\r?\n/)
  if (lines.pop() !== '') throw new Malformed('a block is not closed on a line of its own')
  for (const [n, line] of lines.entries()) {
    const last = n === lines.length - 1
    if (last ? line.length === 0 || line.length > 64 : line.length !== 64) throw new Malformed('a line does not have 64 characters')
  }
  const text = lines.join('')
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length === 0 || bytes.toString('base64') !== text) throw new Malformed('a block is not base64 in its only form')
  return bytes
}
