import type { Dialect } from './dialect.ts'
import { functions } from './functions.ts'
import { queryLimits } from './limits.ts'
import { NotAQuery } from './problem.ts'
import type { Arithmetic, Expression, Path } from './syntax.ts'
import { type Token, nameOf, tokensOf } from './token.ts'
import type { Comparison, QueryValue } from './value.ts'

/*
 * Theory of operation.
 * Recursive descent over the tokens of at most 8 KB of text, one method a rule of azure-wire 5.4. Depth and nodes are counted as they are made, so
 * whoever walks the tree may recurse. Methods throw NotAQuery; the doors of this folder turn it into a value.
 */

// These cannot begin an attribute; behind a point they are names as any other.
const reserved = new Set([
  'SELECT',
  'TOP',
  'FROM',
  'WHERE',
  'GROUP',
  'BY',
  'AND',
  'OR',
  'NOT',
  'IN',
  'NIN',
  'AS',
  'ORDER',
  'JOIN',
  'HAVING',
])

const constants: ReadonlyMap<string, QueryValue> = new Map([
  ['TRUE', true],
  ['FALSE', false],
  ['NULL', null],
  ['UNDEFINED', undefined],
])

const comparisons: ReadonlyMap<string, Comparison> = new Map([
  ['=', '='],
  ['!=', '!='],
  ['<>', '!='],
  ['<', '<'],
  ['<=', '<='],
  ['>', '>'],
  ['>=', '>='],
])

const sums: ReadonlyMap<string, Arithmetic> = new Map([
  ['+', '+'],
  ['-', '-'],
])

const products: ReadonlyMap<string, Arithmetic> = new Map([
  ['*', '*'],
  ['/', '/'],
  ['%', '%'],
])

/** A position in the tokens of one text, and the rules of expressions. Throws {@link NotAQuery} from every method. */
export class Parser {
  readonly #tokens: readonly Token[]
  readonly #dialect: Dialect
  #at = 0
  #depth = 0
  #nodes = 0
  /** Names that may stand before an attribute and mean the source: `devices`, an alias. */
  prefixes: readonly (readonly string[])[] = []

  constructor(text: string, dialect: Dialect) {
    if (text.length > queryLimits.textBytes || Buffer.byteLength(text) > queryLimits.textBytes)
      throw new NotAQuery('too-costly', 0, `the text has more than ${queryLimits.textBytes} bytes`)
    this.#tokens = tokensOf(text, dialect)
    this.#dialect = dialect
  }

  /** Where reading goes on; set it to read a part of the text out of its turn. */
  get position(): number {
    return this.#at
  }

  set position(at: number) {
    this.#at = at
  }

  /** The token `ahead` of the next one. */
  peek(ahead = 0): Token {
    const token = this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]
    if (token === undefined) throw new Error('bug: there is always an end')
    return token
  }

  next(): Token {
    const token = this.peek()
    this.#at++
    return token
  }

  isWord(word: string, ahead = 0): boolean {
    const token = this.peek(ahead)
    return token.kind === 'word' && token.text.toUpperCase() === word
  }

  isSymbol(symbol: string, ahead = 0): boolean {
    const token = this.peek(ahead)
    return token.kind === 'symbol' && token.text === symbol
  }

  takeWord(word: string): boolean {
    if (!this.isWord(word)) return false
    this.#at++
    return true
  }

  takeSymbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false
    this.#at++
    return true
  }

  expectSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.unexpected(`'${symbol}'`)
  }

  unexpected(wanted: string, hint?: string): NotAQuery {
    const token = this.peek()
    return new NotAQuery('malformed', token.at, `expected ${wanted}, found ${nameOf(token)}`, hint ?? hintFor(token))
  }

  /** or = and {OR and} ; and = not {AND not} */
  expression(): Expression {
    return this.#chain('or', 'OR', () => this.#chain('and', 'AND', () => this.#not()))
  }

  #chain(kind: 'or' | 'and', word: string, operand: () => Expression): Expression {
    const first = this.#inside(operand)
    if (!this.isWord(word)) return first
    const operands = [first]
    while (this.takeWord(word)) operands.push(this.#inside(operand))
    return this.#made({ kind, operands, at: first.at })
  }

  #not(): Expression {
    const { at } = this.peek()
    if (!this.takeWord('NOT')) return this.#comparison()
    return this.#made({ kind: 'not', operand: this.#inside(() => this.#not()), at })
  }

  #comparison(): Expression {
    const left = this.#left(sums, () => this.#left(products, () => this.#unary()))
    const { at, kind, text } = this.peek()
    const operator = kind === 'symbol' ? comparisons.get(text) : undefined
    if (operator !== undefined) {
      this.#at++
      const right = this.#left(sums, () => this.#left(products, () => this.#unary()))
      if (this.peek().kind === 'symbol' && comparisons.has(this.peek().text))
        throw this.unexpected('AND, OR or the end', 'Comparisons do not follow one another: join them with AND.')
      return this.#made({ kind: 'compare', operator, left, right, at })
    }
    const isNegated = this.isWord('NOT') && (this.isWord('IN', 1) || this.isWord('NIN', 1))
    if (isNegated) this.#at++
    const negated = this.isWord('NIN') !== isNegated
    if (!this.takeWord('IN') && !this.takeWord('NIN')) return left
    return this.#made({ kind: 'in', item: left, list: this.#list(), negated, at })
  }

  #left(operators: ReadonlyMap<string, Arithmetic>, operand: () => Expression): Expression {
    let left = operand()
    let levels = 0
    for (;;) {
      const { at, kind, text } = this.peek()
      const operator = kind === 'symbol' ? operators.get(text) : undefined
      if (operator === undefined) break
      this.#at++
      // A chain leans to the left: each operator is one level more for those who walk it.
      this.#depth++
      levels++
      left = this.#made({ kind: 'arithmetic', operator, left, right: this.#inside(operand), at })
    }
    this.#depth -= levels
    return left
  }

  #unary(): Expression {
    const { at } = this.peek()
    if (this.takeSymbol('+')) return this.#inside(() => this.#unary())
    if (!this.takeSymbol('-')) return this.#primary()
    const operand = this.#inside(() => this.#unary())
    if (operand.kind === 'constant' && typeof operand.value === 'number') return { kind: 'constant', value: -operand.value, at }
    return this.#made({ kind: 'negate', operand, at })
  }

  #primary(): Expression {
    const token = this.peek()
    if (token.kind === 'symbol') {
      if (this.takeSymbol('(')) {
        const inner = this.#inside(() => this.expression())
        this.expectSymbol(')')
        return inner
      }
      if (token.text === '[') return this.#list()
      throw this.unexpected('a value')
    }
    if (token.kind === 'word' && this.isSymbol('(', 1)) return this.#call()
    if (isConstant(token)) return this.#made({ kind: 'constant', value: this.#constant(), at: token.at })
    return this.#made({ kind: 'attribute', path: this.path(), at: token.at })
  }

  #call(): Expression {
    const token = this.next()
    const definition = functions.get(token.text.toUpperCase())
    if (definition === undefined || !this.#dialect.functions.has(definition.name)) {
      const kind = definition === undefined ? 'malformed' : 'unsupported'
      throw new NotAQuery(kind, token.at, `there is no function ${nameOf(token)} here`, this.#dialect.functionHint)
    }
    this.expectSymbol('(')
    const args: Expression[] = []
    if (!this.isSymbol(')'))
      do args.push(this.#inside(() => this.expression()))
      while (this.takeSymbol(','))
    this.expectSymbol(')')
    const { name, least, most } = definition
    if (args.length < least || args.length > most)
      throw new NotAQuery(
        'malformed',
        token.at,
        `${name} takes ${least === most ? least : `${least} to ${most}`} values, not ${args.length}`,
      )
    return this.#made({ kind: 'call', name, args, at: token.at })
  }

  /** What follows IN, or a list as a value: constants in brackets; or an attribute that may be an array. */
  #list(): Expression {
    const { at } = this.peek()
    if (this.isSymbol('[')) return this.#made({ kind: 'constant', value: this.#constantList(), at })
    if (this.isSymbol('(')) throw this.unexpected('a list in brackets', "Write a list as ['a', 'b'].")
    return this.#made({ kind: 'attribute', path: this.path(), at })
  }

  #constantList(): readonly QueryValue[] {
    this.expectSymbol('[')
    const values: QueryValue[] = []
    if (this.takeSymbol(']')) return values
    do values.push(this.#inside(() => this.#listed()))
    while (this.takeSymbol(','))
    this.expectSymbol(']')
    return values
  }

  #listed(): QueryValue {
    this.#count()
    if (this.isSymbol('[')) return this.#constantList()
    const sign = this.takeSymbol('-') ? -1 : this.takeSymbol('+') ? 1 : undefined
    const token = this.peek()
    if (!isConstant(token) || (sign !== undefined && token.kind !== 'number'))
      throw this.unexpected('a constant', 'A list holds constants only.')
    const value = this.#constant()
    return typeof value === 'number' ? value * (sign ?? 1) : value
  }

  #constant(): QueryValue {
    const token = this.next()
    if (token.kind === 'string') return token.text
    if (token.kind === 'word') return constants.get(token.text.toUpperCase())
    const value = Number(token.text)
    if (!Number.isFinite(value)) throw new NotAQuery('malformed', token.at, 'this number is too large')
    return value
  }

  /** attr = name { "." name | "." "[[raw]]" | "[" ( int | string ) "]" }, without the name of its source. */
  path(): Path {
    const first = this.peek()
    if (first.kind === 'property') {
      this.#at++
      return { steps: [first.text], isProperty: true, at: first.at }
    }
    if (first.kind !== 'word' || reserved.has(first.text.toUpperCase())) throw this.unexpected('a value')
    const steps: (string | number)[] = [this.next().text]
    for (;;) {
      if (this.peek().kind === 'raw') steps.push(this.next().text)
      else if (this.takeSymbol('.')) {
        const step = this.next()
        if (step.kind !== 'word' && step.kind !== 'raw') {
          this.#at--
          throw this.unexpected('a name', 'A name with other characters is written [[name]].')
        }
        steps.push(step.text)
      } else if (this.takeSymbol('[')) steps.push(this.#bracketed())
      else break
      if (steps.length > queryLimits.pathSteps)
        throw new NotAQuery('too-costly', first.at, `an attribute has more than ${queryLimits.pathSteps} steps`)
    }
    const prefix = this.prefixes.find((names) => names.length < steps.length && names.every((name, i) => name === steps[i]))
    return { steps: prefix === undefined ? steps : steps.slice(prefix.length), isProperty: false, at: first.at }
  }

  #bracketed(): string | number {
    const token = this.next()
    const isIndex = token.kind === 'number' && /^\d{1,9}$/.test(token.text)
    if (token.kind !== 'string' && !isIndex) {
      this.#at--
      throw this.unexpected('an index or a name in quotes')
    }
    this.expectSymbol(']')
    return isIndex ? Number(token.text) : token.text
  }

  #inside<T>(read: () => T): T {
    // One pair of parentheses is five of these: OR, AND, NOT, and twice what is between.
    if (++this.#depth > queryLimits.depth * 5) throw new NotAQuery('too-costly', this.peek().at, 'this is nested too deeply')
    const made = read()
    this.#depth--
    return made
  }

  #made(expression: Expression): Expression {
    this.#count()
    return expression
  }

  #count(): void {
    if (++this.#nodes > queryLimits.nodes)
      throw new NotAQuery('too-costly', this.peek().at, `this has more than ${queryLimits.nodes} values and operators`)
  }
}

function isConstant(token: Token): boolean {
  return token.kind === 'string' || token.kind === 'number' || (token.kind === 'word' && constants.has(token.text.toUpperCase()))
}

function hintFor(token: Token): string | undefined {
  const word = token.kind === 'word' ? token.text.toUpperCase() : ''
  if (word === 'LIKE' || word === 'BETWEEN') return `${word} is not part of the language: compare with =, <, > or IN.`
  if (word === 'IS') return 'Write IS_DEFINED(name), or name = null.'
  if (token.text === '=') return 'Equal is written =, once.'
  return undefined
}
