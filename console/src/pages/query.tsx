import { useMutation } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useId, useRef, useState } from 'react'
import { toProblem } from '../api/problem.ts'
import { runQuery } from '../api/query.ts'
import type { QueryPage as Answer } from '../api/types.ts'
import { download } from '../lib/files.ts'
import { milliseconds, plural } from '../lib/format.ts'
import { jsonText } from '../lib/json-text.ts'
import { cellOf, cellText, columnsOf, csvOf, placeOf } from '../lib/query-table.ts'
import { announce } from '../ui/announce.tsx'
import { CodeBlock } from '../ui/copy.tsx'
import { Editor, type EditorHandle } from '../ui/editor.tsx'
import { Badge, Empty, PageHead, Panel, ProblemNote } from '../ui/parts.tsx'
import { WhoLink } from './who-link.tsx'

const pageSize = 100
const maxLength = 8192
const examples: readonly (readonly [string, string])[] = [
  ['Every device', 'SELECT * FROM devices'],
  ['Devices of a site', "SELECT * FROM devices\nWHERE tags.site = 'north'"],
  ['Connected now', "SELECT deviceId, lastActivityTime FROM devices\nWHERE connectionState = 'Connected'"],
  [
    'By a reported value',
    'SELECT deviceId, properties.reported.temperature AS temperature FROM devices\nWHERE properties.reported.temperature > 60',
  ],
  ['Counted by a tag', 'SELECT tags.site AS site, COUNT() AS devices FROM devices\nGROUP BY tags.site'],
  ['Without a tag', 'SELECT deviceId FROM devices\nWHERE NOT IS_DEFINED(tags.site)'],
  ['Modules', 'SELECT * FROM devices.modules'],
  ['What jobs did', "SELECT * FROM devices.jobs\nWHERE status = 'failed'"],
]

/** What has come so far: the pages of one query. */
type Results = {
  readonly query: string
  readonly items: readonly unknown[]
  readonly type: Answer['itemType']
  readonly continuation: string | null
  readonly elapsedMs: number
}

function Cell({ item, column }: { readonly item: unknown; readonly column: string }) {
  const value = cellOf(item, column)
  const text = cellText(value)
  if (column === 'deviceId' && text !== '') {
    const module = cellText(cellOf(item, 'moduleId'))
    return <WhoLink name={module === '' ? text : `${text}/${module}`} />
  }
  return typeof value === 'object' && value !== null ? (
    <code className="clip" title={text}>
      {text}
    </code>
  ) : (
    text
  )
}

function Table({ results }: { readonly results: Results }) {
  const columns = columnsOf(results.items, results.type)
  return (
    <div className="table-frame" tabIndex={0} role="region" aria-label="Results">
      <table className="table table-dense">
        <caption className="hidden">Results of the query</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {results.items.map((item, n) => (
            <tr key={n}>
              {columns.map((column) => (
                <td key={column}>
                  <Cell item={item} column={column} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function ResultsPanel({ results, more, isLoading }: { readonly results: Results; readonly more: () => void; readonly isLoading: boolean }) {
  const [view, setView] = useState<'table' | 'json'>('table')
  const { items, continuation } = results
  const save = (kind: 'csv' | 'json'): void => {
    if (kind === 'csv') download('query.csv', [csvOf(columnsOf(items, results.type), items)], 'text/csv;charset=utf-8')
    else download('query.json', [`${jsonText(items)}\n`], 'application/json')
    announce(`${plural(items.length, 'row')} downloaded.`)
  }
  return (
    <Panel
      title="Results"
      flush={view === 'table' && items.length > 0}
      aside={
        <span className="actions">
          <span className="quiet" data-rows={items.length}>
            {plural(items.length, 'row')}
            {continuation === null ? '' : ' so far'}, {milliseconds(results.elapsedMs)} ms
          </span>
          <button
            type="button"
            className="button button-small"
            aria-pressed={view === 'json'}
            onClick={() => setView(view === 'json' ? 'table' : 'json')}
          >
            JSON
          </button>
          <button type="button" className="button button-small" disabled={items.length === 0} onClick={() => save('csv')}>
            Download CSV
          </button>
          <button type="button" className="button button-small" disabled={items.length === 0} onClick={() => save('json')}>
            Download JSON
          </button>
        </span>
      }
    >
      {items.length === 0 ? (
        <Empty title="Nothing matches." />
      ) : view === 'json' ? (
        <CodeBlock text={jsonText(items)} what="results" />
      ) : (
        <Table results={results} />
      )}
      {continuation === null ? null : (
        <div className={view === 'table' ? 'panel-foot' : ''}>
          <button type="button" className="button" disabled={isLoading} onClick={more}>
            {isLoading ? 'Loading…' : `Load ${pageSize} more`}
          </button>
        </div>
      )}
    </Panel>
  )
}

/** Asks the fleet in the query language: examples to begin with, mistakes at their place, results to keep. */
export function QueryPage() {
  const [text, setText] = useState("SELECT * FROM devices\nWHERE connectionState = 'Connected'")
  const [results, setResults] = useState<Results | null>(null)
  const editor = useRef<EditorHandle>(null)
  const status = useId()
  const run = useMutation({
    mutationFn: async ({ query, before }: { readonly query: string; readonly before: Results | null }) => {
      const began = performance.now()
      const page = await runQuery(query, pageSize, before?.continuation ?? undefined)
      const elapsedMs = performance.now() - began
      return { query, items: [...(before?.items ?? []), ...page.items], type: page.itemType, continuation: page.continuation, elapsedMs }
    },
    onSuccess: (came) => {
      setResults(came)
      announce(`${plural(came.items.length, 'row')}.`)
    },
    onError: (error, { before }) => {
      if (before === null) setResults(null)
      const place = placeOf(toProblem(error).message)
      if (place !== undefined) editor.current?.goTo(place.line)
    },
  })
  const problem = run.error === null ? undefined : toProblem(run.error)
  const place = problem === undefined ? undefined : placeOf(problem.message)
  const ask = (query: string): void => {
    if (query.trim() !== '' && !run.isPending) run.mutate({ query, before: null })
  }
  return (
    <div className="page">
      <PageHead title="Query" lead="Devices, modules and jobs, in the query language of Azure IoT Hub.">
        <Link to="/new-job" search={{ condition: conditionOf(text) }} className="button">
          Job from this…
        </Link>
      </PageHead>
      <Panel
        title="Text"
        aside={
          <label className="inline-field">
            <span>Example</span>
            <select
              value=""
              onChange={(event) => {
                const found = examples.find(([name]) => name === event.target.value)
                if (found === undefined) return
                setText(found[1])
                run.reset()
              }}
            >
              <option value="">choose one</option>
              {examples.map(([name]) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        }
      >
        <div
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
            event.preventDefault()
            ask(text)
          }}
        >
          <Editor
            ref={editor}
            label="Text of the query"
            text={text}
            rows={6}
            marks={place === undefined ? [] : [place.line]}
            described={status}
            maxLength={maxLength}
            change={(next) => {
              setText(next)
              if (run.error !== null) run.reset()
            }}
          />
        </div>
        <div id={status} aria-live="polite">
          {run.error === null ? null : <ProblemNote error={run.error} />}
        </div>
        <div className="actions">
          <button type="button" className="button button-main" disabled={run.isPending || text.trim() === ''} onClick={() => ask(text)}>
            {run.isPending ? 'Asking…' : 'Run'}
          </button>
          <span className="quiet">
            <kbd>Ctrl</kbd> <kbd>Enter</kbd>
          </span>
          {results !== null && results.query !== text ? <Badge tone="warn">the text has changed since</Badge> : null}
        </div>
      </Panel>
      {results === null ? null : (
        <ResultsPanel results={results} isLoading={run.isPending} more={() => run.mutate({ query: results.query, before: results })} />
      )}
    </div>
  )
}

/** What a job would take of a query: its condition, or all devices. */
function conditionOf(query: string): string {
  const [, source = '', condition] =
    /\bFROM\s+(devices(?:\.modules)?)\b(?:\s+WHERE\s+([^]+?))?(?:\s+GROUP\s+BY\b[^]*)?$/i.exec(query.trim()) ?? []
  if (/modules$/i.test(source)) return condition === undefined ? 'FROM devices.modules' : `FROM devices.modules WHERE ${condition}`
  return condition ?? '*'
}
