import { type Malformed, malformed } from './malformed.ts'
import { type Value, textOf } from './value.ts'

/** The fields of a composite type, by position. What has the wrong type, or is missing and must not be, is remembered in {@link Fields.failure}. */
export class Fields {
  readonly #fields: readonly Value[]
  readonly #of: string
  #failure: Malformed | undefined = undefined

  /** `of` names the composite, for the refusal. */
  constructor(fields: readonly Value[], of: string) {
    this.#fields = fields
    this.#of = of
  }

  get failure(): Malformed | undefined {
    return this.#failure
  }

  /** The field as it is; undefined where it is missing or null. */
  at(index: number): Value | undefined {
    const field = this.#fields[index]
    return field?.type === 'null' ? undefined : field
  }

  /** A whole number of at most 32 bits, or a 64-bit one that fits a number. */
  whole(index: number): number | undefined {
    const field = this.at(index)
    if (field === undefined) return undefined
    if (field.type === 'ubyte' || field.type === 'ushort' || field.type === 'uint') return field.value
    if (field.type !== 'ulong') return this.#wrong(index)
    return field.value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(field.value) : Number.MAX_SAFE_INTEGER
  }

  flag(index: number): boolean | undefined {
    const field = this.at(index)
    return field === undefined || field.type === 'boolean' ? field?.value : this.#wrong(index)
  }

  text(index: number): string | undefined {
    const field = this.at(index)
    return field === undefined ? undefined : (textOf(field) ?? this.#wrong(index))
  }

  binary(index: number): Buffer | undefined {
    const field = this.at(index)
    return field === undefined || field.type === 'binary' ? field?.value : this.#wrong(index)
  }

  /** `value`, which must be there; `otherwise` stands in until somebody looks at the failure. */
  mandatory<T>(value: T | undefined, otherwise: T): T {
    if (value === undefined) this.#failure ??= malformed('2.7', `A mandatory field of ${this.#of} is missing.`)
    return value ?? otherwise
  }

  #wrong(index: number): undefined {
    this.#failure ??= malformed('2.7', `Field ${index} of ${this.#of} has the wrong type.`)
    return undefined
  }
}
