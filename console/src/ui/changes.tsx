import { type Change, pathText } from '../lib/twin-diff.ts'

/** Longest value shown in a line. */
const longest = 400

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? ''
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}

/** What goes and what comes, a line each, with the signs that everyone knows. */
export function ChangeLines({ changes, label }: { readonly changes: readonly Change[]; readonly label: string }) {
  return (
    <pre className="diff" tabIndex={0} role="region" aria-label={label}>
      {changes.flatMap(({ path, before, after }) => {
        const name = pathText(path)
        return [
          ...(before === undefined
            ? []
            : [
                <code key={`- ${name}`} className="diff-go">
                  {`- ${name}  ${shown(before)}\n`}
                </code>,
              ]),
          ...(after === undefined
            ? []
            : [
                <code key={`+ ${name}`} className="diff-come">
                  {`+ ${name}  ${shown(after)}\n`}
                </code>,
              ]),
        ]
      })}
    </pre>
  )
}
