import { compileCondition, deviceDialect, parseCondition, parseQuery, routeDialect } from './index.ts'
import type { QueryValue } from './value.ts'

const values: readonly QueryValue[] = [undefined, null, true, -0, 1e308, '', 'abc', [1, 'x', null, []], { a: 1 }]

/** Only a value or a problem with a place inside the text may come out of a parser, and only true, false or undefined out of a condition. */
export function target(bytes: Buffer): void {
  const text = bytes.toString('utf8')
  const query = parseQuery(text)
  if (!query.ok && (query.error.at > text.length || query.error.line < 1 || query.error.column < 1))
    throw new Error('a problem without a place')
  for (const dialect of [deviceDialect, routeDialect]) {
    const condition = parseCondition(text, dialect)
    if (!condition.ok) continue
    let next = 0
    const matches = compileCondition<number>(condition.value.where, dialect, () => {
      const mine = next++
      return (turn) => values[(mine + turn) % values.length]
    })
    for (let turn = 0; turn < values.length; turn++) {
      const truth = matches(turn)
      if (truth !== true && truth !== false && truth !== undefined) throw new Error('a condition that is none of three')
    }
  }
}
