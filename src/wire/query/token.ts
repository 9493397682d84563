import { NotAQuery } from './problem.ts'

/** A piece of the text. `text` of a word is as written; of a string its value; `raw` is a name in double brackets or braces. */
export type Token = {
  readonly kind: 'word' | 'number' | 'string' | 'raw' | 'property' | 'symbol' | 'end'
  readonly text: string
  readonly at: number
  readonly end: number
}

const symbols = ['<>', '!=', '<=', '>=', '=', '<', '>', '(', ')', '[', ']', ',', '.', '+', '-', '*', '/', '%']

/**
 * The pieces of a text. `hyphens`: a name that does not follow a point may hold hyphens, as those of message properties do; `braces`: `{$name}` is
 * a property. Throws {@link NotAQuery}.
 */
export function tokensOf(text: string, options: { readonly hyphens: boolean; readonly braces: boolean }): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  const add = (kind: Token['kind'], value: string, end: number) => {
    tokens.push({ kind, text: value, at, end })
    at = end
  }
  for (;;) {
    while (isSpace(text.charCodeAt(at))) at++
    const code = text.charCodeAt(at)
    if (Number.isNaN(code)) break
    if (code === 0x27 || code === 0x22) readString(text, at, (value, end) => add('string', value, end))
    else if (isDigit(code) || (code === 0x2e && isDigit(text.charCodeAt(at + 1)) && !endsName(tokens.at(-1), at)))
      add('number', text.slice(at, numberEnd(text, at)), numberEnd(text, at))
    else if (isNameStart(code)) {
      const afterPoint = tokens.at(-1)?.text === '.' && tokens.at(-1)?.kind === 'symbol'
      const end = wordEnd(text, at, options.hyphens && !afterPoint)
      add('word', text.slice(at, end), end)
    } else if (text.startsWith('[[', at) && opensRaw(text, at, tokens.at(-1))) {
      const end = text.indexOf(']]', at)
      if (end < 0) throw new NotAQuery('malformed', at, 'a name in double brackets is not closed')
      add('raw', text.slice(at + 2, end), end + 2)
    } else if (options.braces && code === 0x7b) {
      const end = text.indexOf('}', at)
      if (end <= at + 1) throw new NotAQuery('malformed', at, 'a name in braces is not closed')
      add('property', text.slice(at + 1, end), end + 1)
    } else {
      const symbol = symbols.find((one) => text.startsWith(one, at))
      if (symbol === undefined) throw new NotAQuery('malformed', at, `${printable(text, at)} does not belong here`)
      add('symbol', symbol, at + symbol.length)
    }
  }
  tokens.push({ kind: 'end', text: '', at: text.length, end: text.length })
  return tokens
}

/** A token as a message names it. */
export function nameOf(token: Token): string {
  if (token.kind === 'end') return 'the end of the text'
  return token.kind === 'string' ? 'a string' : `'${token.text.slice(0, 40)}'`
}

/** Only directly behind a name or a point are double brackets a name: elsewhere `[[` opens a list in a list. */
function opensRaw(text: string, at: number, before: Token | undefined): boolean {
  return endsName(before, at) || (before?.kind === 'symbol' && before.text === '.')
}

/** Whether a token that ends right here may be followed by a step of its path. */
function endsName(before: Token | undefined, at: number): boolean {
  if (before === undefined || before.end !== at) return false
  return before.kind === 'word' || before.kind === 'raw' || (before.kind === 'symbol' && before.text === ']')
}

function readString(text: string, at: number, done: (value: string, end: number) => void): void {
  const quote = text.charCodeAt(at)
  let value = ''
  for (let i = at + 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === quote) {
      if (!value.isWellFormed()) throw new NotAQuery('malformed', at, 'a string holds half a character')
      return done(value, i + 1)
    }
    if (code !== 0x5c) {
      value += text[i]
      continue
    }
    i++
    const escape = text[i] ?? ''
    if (escape === 'u') {
      const digits = text.slice(i + 1, i + 5)
      if (!isHex(digits, 4)) throw new NotAQuery('malformed', i - 1, '\\u needs four hexadecimal digits')
      value += String.fromCharCode(Number.parseInt(digits, 16))
      i += 4
    } else {
      const plain = escapes.get(escape)
      if (plain === undefined) throw new NotAQuery('malformed', i - 1, 'this escape is not known', 'A backslash itself is written \\\\.')
      value += plain
    }
  }
  throw new NotAQuery('malformed', at, 'a string is not closed')
}

const escapes: ReadonlyMap<string, string> = new Map([
  ["'", "'"],
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])

/** Where a number ends: decimal with fraction and exponent, or `0x` and digits. */
function numberEnd(text: string, at: number): number {
  let end = at
  const digits = () => {
    while (isDigit(text.charCodeAt(end))) end++
  }
  if (text[at] === '0' && (text[at + 1] === 'x' || text[at + 1] === 'X')) {
    end = at + 2
    while (isHex(text[end] ?? '', 1)) end++
    if (end === at + 2) throw new NotAQuery('malformed', at, '0x needs hexadecimal digits')
  } else {
    digits()
    if (text[end] === '.' && isDigit(text.charCodeAt(end + 1))) {
      end++
      digits()
    }
    if (text[end] === 'e' || text[end] === 'E') {
      const sign = text[end + 1] === '-' || text[end + 1] === '+' ? 2 : 1
      if (isDigit(text.charCodeAt(end + sign))) {
        end += sign
        digits()
      }
    }
  }
  if (isNameStart(text.charCodeAt(end))) throw new NotAQuery('malformed', end, 'a number ends in letters')
  return end
}

function wordEnd(text: string, at: number, hyphens: boolean): number {
  // These two names of the system hold a hyphen; every other that begins with $ does not.
  for (const name of ['$dt-dataschema', '$dt-subject']) if (text.startsWith(name, at)) return at + name.length
  const mayHyphen = hyphens && text[at] !== '$'
  let end = at
  for (;;) {
    const code = text.charCodeAt(end)
    if (isNameStart(code) || isDigit(code)) end++
    else if (mayHyphen && code === 0x2d && (isNameStart(text.charCodeAt(end + 1)) || isDigit(text.charCodeAt(end + 1)))) end++
    else return end
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d)
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

function isHex(text: string, count: number): boolean {
  if (text.length !== count) return false
  for (const one of text) if (!'0123456789abcdefABCDEF'.includes(one)) return false
  return true
}

/** Letters, `_`, `$`, and everything beyond ASCII that is neither a space nor a control. */
function isNameStart(code: number): boolean {
  if (code < 0x80) return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) || code === 0x5f || code === 0x24
  return code > 0xa0 && code !== 0x2028 && code !== 0x2029 && code !== 0x3000 && code !== 0xfeff
}

function printable(text: string, at: number): string {
  const one = String.fromCodePoint(text.codePointAt(at) ?? 0x20)
  return one < ' ' || one === '\u007f' ? 'a control character' : `'${one}'`
}
