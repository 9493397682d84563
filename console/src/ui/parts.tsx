import type { ReactNode } from 'react'
import { fixFor, mistakeText, toProblem } from '../api/problem.ts'

/** What a colour means here; every tone also has a word or a shape beside it. */
export type Tone = 'ok' | 'warn' | 'bad' | 'quiet' | 'accent'

/** A short word in a coloured frame. */
export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) {
  return <span className={`badge badge-${tone}`}>{children}</span>
}

/** A filled dot for yes, a ring for no, always with its word. */
export function Dot({ on, children }: { readonly on: boolean; readonly children: ReactNode }) {
  return (
    <span className={on ? 'dot dot-on' : 'dot'}>
      <span aria-hidden="true" className="dot-mark" />
      {children}
    </span>
  )
}

/** The head of a page: its one h1, a line below, and its actions. */
export function PageHead({
  title,
  lead,
  children,
}: {
  readonly title: ReactNode
  readonly lead?: ReactNode
  readonly children?: ReactNode
}) {
  return (
    <div className="page-head">
      <div>
        <h1 tabIndex={-1} id="page-title">
          {title}
        </h1>
        {lead === undefined ? null : <p className="lead">{lead}</p>}
      </div>
      {children === undefined ? null : <div className="actions">{children}</div>}
    </div>
  )
}

/** A titled part of a page. */
export function Panel({
  title,
  aside,
  children,
  flush = false,
}: {
  readonly title: string
  readonly aside?: ReactNode
  readonly children: ReactNode
  readonly flush?: boolean
}) {
  return (
    <section className="panel" aria-label={title}>
      <div className="panel-head">
        <h2>{title}</h2>
        {aside}
      </div>
      <div className={flush ? 'panel-body panel-flush' : 'panel-body'}>{children}</div>
    </section>
  )
}

/** Grey bars where text will stand, as tall as that text, so that nothing jumps. */
export function Skeleton({ rows = 3, label = 'Loading' }: { readonly rows?: number; readonly label?: string }) {
  return (
    <div className="skeleton" role="status">
      <span className="hidden">{label}</span>
      {Array.from({ length: rows }, (_, n) => (
        <span key={n} className="skeleton-row" aria-hidden="true" />
      ))}
    </div>
  )
}

/** Nothing here yet, and what to do about it. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children}
    </div>
  )
}

/** Lines of a refused list shown at once. */
const linesShown = 20

/** A refusal or failure: its sentence, what to do, its code, and another try. */
export function ProblemNote({ error, retry }: { readonly error: unknown; readonly retry?: () => void }) {
  const problem = toProblem(error)
  return (
    <div className="problem" role="alert">
      <p className="problem-title">{problem.message}</p>
      {problem.errors.length === 0 ? null : (
        <ul className="problem-lines">
          {problem.errors.slice(0, linesShown).map((mistake, n) => (
            <li key={n}>{mistakeText(mistake)}</li>
          ))}
          {problem.errors.length > linesShown ? <li>and {problem.errors.length - linesShown} more</li> : null}
        </ul>
      )}
      <p>{fixFor(problem)}</p>
      <p className="problem-foot">
        <code>{problem.code}</code>
        {retry === undefined ? null : (
          <button type="button" className="button button-small" onClick={retry}>
            Try again
          </button>
        )}
      </p>
    </div>
  )
}

/** Pairs of a name and a value. */
export function Facts({ pairs }: { readonly pairs: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="facts">
      {pairs.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** How far long work has come; without `of` it only says that it goes on. */
export function Progress({ label, done, of }: { readonly label: string; readonly done?: number; readonly of?: number }) {
  const known = done !== undefined && of !== undefined && of > 0
  return (
    <div className="progress-line">
      <progress aria-label={label} {...(known ? { value: done, max: of } : {})} />
      <span className="progress-text">{known ? `${label}: ${done} of ${of}` : label}</span>
    </div>
  )
}
