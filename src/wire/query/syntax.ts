import type { FunctionName } from './functions.ts'
import type { Comparison, QueryValue } from './value.ts'

/**
 * What an attribute names: `tags.a[0]` has the steps `tags`, `a`, 0. `isProperty`: it was written `{name}`, and is an application property even
 * where the name is otherwise one of the system's.
 */
export type Path = { readonly steps: readonly (string | number)[]; readonly isProperty: boolean; readonly at: number }

/** An operator of arithmetic. */
export type Arithmetic = '+' | '-' | '*' | '/' | '%'

/** A condition or a value, as written. `at` is its offset in the text. */
export type Expression =
  | { readonly kind: 'constant'; readonly value: QueryValue; readonly at: number }
  | { readonly kind: 'attribute'; readonly path: Path; readonly at: number }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly args: readonly Expression[]; readonly at: number }
  | { readonly kind: 'not'; readonly operand: Expression; readonly at: number }
  | { readonly kind: 'negate'; readonly operand: Expression; readonly at: number }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Expression[]; readonly at: number }
  | { readonly kind: 'compare'; readonly operator: Comparison; readonly left: Expression; readonly right: Expression; readonly at: number }
  | {
      readonly kind: 'arithmetic'
      readonly operator: Arithmetic
      readonly left: Expression
      readonly right: Expression
      readonly at: number
    }
  /** `list` is a constant list, or an attribute that may be an array. */
  | { readonly kind: 'in'; readonly item: Expression; readonly list: Expression; readonly negated: boolean; readonly at: number }

/** What a query reads. */
export type Source = 'devices' | 'devices.modules' | 'devices.jobs'

/** The functions of a select list. */
export type AggregateName = 'COUNT' | 'AVG' | 'SUM' | 'MIN' | 'MAX'

/** One column of the answer. `name` is what it is called there. */
export type Selected =
  | { readonly kind: 'attribute'; readonly path: Path; readonly name: string }
  | { readonly kind: 'aggregate'; readonly aggregate: AggregateName; readonly path: Path | undefined; readonly name: string }

/** A whole query. `select` is `*` or columns; `where` is undefined for every row. */
export type Query = {
  readonly select: '*' | readonly Selected[]
  readonly top: number | undefined
  readonly from: Source
  readonly where: Expression | undefined
  readonly groupBy: readonly Path[]
}

/** A WHERE body alone. `from` is set when it was written `FROM source WHERE ...`; without `where` it is true of everything. */
export type Condition = { readonly from: Source | undefined; readonly where: Expression | undefined }
