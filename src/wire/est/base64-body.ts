import { type Result, ok, refuse } from '#base'

/** A body of EST: base64 in lines of 64 characters, each with CRLF at its end (RFC 7030 section 4, RFC 8951 section 3). */
export function encodeBody(der: Buffer): string {
  const text = der.toString('base64')
  let body = ''
  for (let at = 0; at < text.length; at += 64) body += `${text.slice(at, at + 64)}\r\n`
  return body
}

/** A PEM block around the base64: what many clients send, against the letter of the RFC. */
const armour = /^-----BEGIN [A-Z ]{1,40}-----\r?\n([A-Za-z0-9+/=\s]*)-----END [A-Z ]{1,40}-----\s*$/

/**
 * Reads the body of a request: base64 with white space anywhere, as RFC 8951 section 3.1 allows, with or without the lines of a PEM block around it.
 * Refuses `pki/est-body-malformed` for anything else, an empty body, and base64 whose last bits say nothing. The caller has bounded the bytes.
 */
export function decodeBody(body: Buffer): Result<Buffer> {
  const text = body.toString('latin1')
  const inside = armour.exec(text)?.[1] ?? text
  const dense = inside.replaceAll(/[\t\n\r ]/g, '')
  const bytes = Buffer.from(dense, 'base64')
  return bytes.length > 0 && bytes.toString('base64') === dense
    ? ok(bytes)
    : refuse('pki/est-body-malformed', 'The body is not a base64 text (RFC 8951 section 3).')
}
