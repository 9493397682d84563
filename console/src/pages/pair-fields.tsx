/** A name and a value as they are typed. `key` names the row, since names may be alike while one types. */
export type Pair = { readonly key: number; readonly name: string; readonly value: string }

/** The pairs that have a name, as an object; of two alike the last one counts. */
export const pairsToObject = (pairs: readonly Pair[]): Record<string, string> =>
  Object.fromEntries(pairs.flatMap(({ name, value }) => (name.trim() === '' ? [] : [[name.trim(), value]])))

/** An object as pairs. */
export const pairsOf = (object: Readonly<Record<string, string>>): readonly Pair[] =>
  Object.entries(object).map(([name, value], key) => ({ key, name, value }))

/** Names with values, as many as one likes. `one` is what one of them is called. */
export function PairFields({
  legend,
  one,
  pairs,
  change,
  wide = false,
}: {
  readonly legend: string
  readonly one: string
  readonly pairs: readonly Pair[]
  readonly change: (pairs: readonly Pair[]) => void
  /** The values are long. */
  readonly wide?: boolean
}) {
  const replace = (pair: Pair): void => change(pairs.map((each) => (each.key === pair.key ? pair : each)))
  return (
    <fieldset className="choices">
      <legend>
        {legend} <span className="optional">optional</span>
      </legend>
      {pairs.map((pair, n) => (
        <div key={pair.key} className={wide ? 'pair pair-wide' : 'pair'}>
          <input
            aria-label={`Name of ${one} ${n + 1}`}
            placeholder="name"
            value={pair.name}
            spellCheck={false}
            onChange={(event) => replace({ ...pair, name: event.target.value })}
          />
          <input
            aria-label={`Value of ${one} ${n + 1}`}
            placeholder="value"
            value={pair.value}
            spellCheck={false}
            onChange={(event) => replace({ ...pair, value: event.target.value })}
          />
          <button
            type="button"
            className="button button-small button-bare"
            aria-label={`Remove ${one} ${n + 1}`}
            onClick={() => change(pairs.filter((each) => each.key !== pair.key))}
          >
            Remove
          </button>
        </div>
      ))}
      <p>
        <button
          type="button"
          className="button button-small"
          onClick={() => change([...pairs, { key: Math.max(0, ...pairs.map(({ key }) => key + 1)), name: '', value: '' }])}
        >
          Add a {one}
        </button>
      </p>
    </fieldset>
  )
}
