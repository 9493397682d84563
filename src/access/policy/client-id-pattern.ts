import type { TokenValue, Unbound } from './topic-pattern.ts'

/*
 * Client identifier patterns of a Connect grant: text, tokens anywhere, and `*` for any run of characters (edge.md 1.10). No regular
 * expression is ever made of them (CVE-2026-44838), and the time to match is bounded by length of pattern times length of identifier.
 */

/** The texts between the stars, with the values put in. One text: no star, so it must be equal. */
export type ClientIdPattern = readonly string[]

/** One piece of a pattern: plain text, a star, or a token by name. */
type Piece = { readonly is: 'text' | 'token'; readonly text: string } | { readonly is: 'star' }

/** Splits a text at its tokens: `{principal...}`. An opening brace without a closing one is text. For patterns that may hold tokens anywhere. */
export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = []
  let plain = ''
  const end = () => {
    if (plain !== '') pieces.push({ is: 'text', text: plain })
    plain = ''
  }
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    const close = char === '{' ? text.indexOf('}', at) : -1
    if (close > 0) {
      end()
      pieces.push({ is: 'token', text: text.slice(at + 1, close) })
      at = close
    } else if (char === '*') {
      end()
      pieces.push({ is: 'star' })
    } else plain += char
  }
  end()
  return pieces
}

/** Puts the token values in, as text: a `*` in a value is a `*`. An empty value or one with NUL matches nothing. */
export function bindClientIdPattern(text: string, valueOf: TokenValue): ClientIdPattern | Unbound {
  const texts = ['']
  const add = (more: string) => void texts.push(`${texts.pop() ?? ''}${more}`)
  for (const piece of piecesOf(text)) {
    if (piece.is === 'star') {
      texts.push('')
      continue
    }
    if (piece.is === 'text') {
      add(piece.text)
      continue
    }
    const value = valueOf(piece.text)
    if (value === undefined) return 'missing'
    if (value === '' || value.includes('\0')) return 'rejected'
    add(value)
  }
  return texts
}

/** Whether the identifier is the pattern's texts in order, with anything between them. */
export function clientIdMatches(pattern: ClientIdPattern, clientId: string): boolean {
  const first = pattern[0] ?? ''
  if (pattern.length === 1) return clientId === first
  const last = pattern.at(-1) ?? ''
  if (clientId.length < first.length + last.length || !clientId.startsWith(first) || !clientId.endsWith(last)) return false
  // Taking the earliest place for each text leaves the most for those that follow.
  let from = first.length
  const end = clientId.length - last.length
  for (const text of pattern.slice(1, -1)) {
    const at = clientId.indexOf(text, from)
    if (at < 0 || at + text.length > end) return false
    from = at + text.length
  }
  return true
}

/** The pattern as a person reads it. */
export function shownClientId(pattern: ClientIdPattern): string {
  return pattern.join('*')
}
