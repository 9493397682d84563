import { styleText } from 'node:util'

/*
 * Device names, topics, payloads and client identifiers are chosen by peers, and a terminal obeys what it is sent. So nothing reaches the
 * terminal as a bare string: a line is made of pieces, `render` escapes the text of every piece, and only then adds colours of ours.
 */

/** Colours and weights of ours. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'magenta' | 'blue'

/** Text with a style, or bare. */
export type Piece = string | { readonly text: string; readonly style: Style | readonly Style[] }

/** One line of output. */
export type Line = Piece | readonly Piece[]

// C0, DEL, C1 (0x9b alone opens a sequence in some terminals), soft hyphen, zero-width and bidirectional controls, line separators,
// byte order mark, lone surrogates, tag characters: whatever can move, hide or reorder text.
const unsafe =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]|[\u{e0000}-\u{e007f}]/gu

const short: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
])

/** `text` with everything a terminal would obey written out, as `\n` or `\u{1b}`. What is left is one line of harmless characters. */
export function plain(text: string): string {
  return text.replace(unsafe, (char) => short.get(char) ?? `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}

/** JSON on one line that no terminal obeys: the same value, with controls beyond those of JSON.stringify written as escapes. */
export function plainJson(value: unknown, indent?: number): string {
  return (JSON.stringify(value, undefined, indent) ?? 'null').replace(unsafe, (char) =>
    char === '\n' ? char : Array.from({ length: char.length }, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  )
}

/** A piece in a style. */
export function styled(style: Style | readonly Style[], content: string): Piece {
  return { text: content, style }
}

/** The text of a piece, without style and not yet escaped. */
export function textOf(piece: Piece): string {
  return typeof piece === 'string' ? piece : piece.text
}

/** The bytes for the terminal: escaped, then coloured if `colour`. */
export function render(line: Line, colour: boolean): string {
  const pieces: readonly Piece[] = typeof line === 'string' || 'text' in line ? [line] : line
  return pieces.map((piece) => renderPiece(piece, colour)).join('')
}

function renderPiece(piece: Piece, colour: boolean): string {
  if (typeof piece === 'string') return plain(piece)
  if (!colour || piece.text === '') return plain(piece.text)
  const style = typeof piece.style === 'string' ? piece.style : [...piece.style]
  // The decision for or against colour was taken for the stream; styleText must not take it again for another one.
  return styleText(style, plain(piece.text), { validateStream: false })
}
