import { Link } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { addMany, fetchRoot } from '../api/hub.ts'
import { queryClient } from '../api/query-client.ts'
import type { BulkInput } from '../api/types.ts'
import { type BulkLine, parseBulkLine } from '../lib/bulk.ts'
import { download, fileNameOf } from '../lib/files.ts'
import { plural } from '../lib/format.ts'
import { lines } from '../lib/lines.ts'
import { zip, type ZipFile } from '../lib/zip.ts'
import { announce } from '../ui/announce.tsx'
import { Badge, Panel, ProblemNote, Progress } from '../ui/parts.tsx'

/** How far a bulk add has come. */
type Run = {
  readonly phase: 'running' | 'done' | 'failed'
  readonly done: number
  readonly total: number
  readonly added: number
  readonly failed: number
  readonly problems: readonly string[]
  readonly error: unknown
}

const shownProblems = 20
const fresh: Run = { phase: 'running', done: 0, total: 0, added: 0, failed: 0, problems: [], error: null }

function advance(run: Run, line: BulkLine): Run {
  if (line.kind === 'progress') return { ...run, done: line.done, total: line.total }
  if (line.kind === 'done') return { ...run, added: line.added, failed: line.failed }
  if (line.kind === 'error') return { ...run, problems: [...run.problems, line.text].slice(0, shownProblems) }
  return run
}

/** Adds a counted series or a CSV, with progress, and hands over all keys in one archive. */
export function AddMany() {
  const [way, setWay] = useState<'series' | 'csv'>('series')
  const [prefix, setPrefix] = useState('')
  const [amount, setAmount] = useState('10')
  const [start, setStart] = useState('1')
  const [csv, setCsv] = useState('')
  const [file, setFile] = useState<{ readonly name: string; readonly text: string } | null>(null)
  const [run, setRun] = useState<Run | null>(null)
  const files = useRef<ZipFile[]>([])
  const stop = useRef<AbortController>(null)
  useEffect(() => () => stop.current?.abort(), [])

  const digits = String(Number(start) + Number(amount) - 1).length
  const example = `${prefix || 'pump-'}${start.padStart(digits, '0')}`

  const begin = async (): Promise<void> => {
    const spec: BulkInput = way === 'csv' ? { csv: file?.text ?? csv } : { prefix, count: Number(amount), start: Number(start), digits }
    const abort = new AbortController()
    stop.current = abort
    files.current = []
    let state = fresh
    setRun(state)
    try {
      const stream = await addMany(spec, abort.signal)
      if (stream === null) throw new Error('The answer had no body.')
      for await (const text of lines(stream)) {
        const line = parseBulkLine(text)
        if (line.kind === 'device') {
          const name = fileNameOf(line.device)
          if (line.certificatePem !== undefined) files.current.push({ name: `${name}.cert.pem`, text: line.certificatePem })
          if (line.privateKeyPem !== undefined) files.current.push({ name: `${name}.key.pem`, text: line.privateKeyPem })
          continue
        }
        state = advance(state, line)
        setRun(state)
      }
      if (files.current.length > 0) files.current.push({ name: 'root.pem', text: await fetchRoot() })
      setRun({ ...state, phase: 'done' })
      announce(`${plural(state.added, 'device')} added, ${state.failed} failed.`)
    } catch (error) {
      setRun({ ...state, phase: 'failed', error })
    }
    void queryClient.invalidateQueries({ queryKey: ['devices'] })
  }

  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault()
        void begin()
      }}
    >
      <fieldset className="choices">
        <legend>Which devices</legend>
        <label className="choice">
          <input type="radio" name="which" checked={way === 'series'} onChange={() => setWay('series')} />
          <span>
            <b>A series</b>
            <span className="hint">A prefix and running numbers; key and certificate for each.</span>
          </span>
        </label>
        <label className="choice">
          <input type="radio" name="which" checked={way === 'csv'} onChange={() => setWay('csv')} />
          <span>
            <b>A list (CSV)</b>
            <span className="hint">
              First line <code>id</code> or <code>id,primaryThumbprint,secondaryThumbprint</code>, then one device a line.
            </span>
          </span>
        </label>
      </fieldset>
      {way === 'series' ? (
        <div className="field-row">
          <label className="field">
            <span>Prefix</span>
            <input
              value={prefix}
              required
              maxLength={120}
              spellCheck={false}
              placeholder="pump-"
              onChange={(event) => setPrefix(event.target.value)}
            />
          </label>
          <label className="field">
            <span>How many</span>
            <input type="number" min={1} max={10_000} required value={amount} onChange={(event) => setAmount(event.target.value)} />
          </label>
          <label className="field">
            <span>First number</span>
            <input type="number" min={0} required value={start} onChange={(event) => setStart(event.target.value)} />
          </label>
          <p className="hint">
            The first will be <code>{example}</code>.
          </p>
        </div>
      ) : (
        <>
          <label className="field">
            <span>CSV file</span>
            <input
              type="file"
              accept=".csv,text/csv,text/plain"
              onChange={(event) => {
                const chosen = event.target.files?.[0]
                if (chosen === undefined) setFile(null)
                else void chosen.text().then((text) => setFile({ name: chosen.name, text }))
              }}
            />
          </label>
          {/* A long list stays out of the text field: laying out ten thousand lines would hold the page for half a minute. */}
          {file === null ? (
            <label className="field">
              <span>or its text</span>
              <textarea
                rows={8}
                required
                wrap="off"
                value={csv}
                spellCheck={false}
                placeholder={'id\npump-1\npump-2'}
                onChange={(event) => setCsv(event.target.value)}
              />
            </label>
          ) : (
            <p className="hint" role="status">
              {file.name}: {plural(file.text.trim().split('\n').length, 'line')}, the first one names the columns.
            </p>
          )}
        </>
      )}
      <div className="actions">
        <button type="submit" className="button button-main" disabled={run?.phase === 'running'}>
          Add devices
        </button>
        {run?.phase === 'running' ? (
          <button type="button" className="button" onClick={() => stop.current?.abort()}>
            Stop
          </button>
        ) : null}
      </div>
      {run === null ? null : <Outcome run={run} files={files.current} />}
    </form>
  )
}

function Outcome({ run, files }: { readonly run: Run; readonly files: readonly ZipFile[] }) {
  return (
    <Panel title="Progress">
      {run.phase === 'running' ? <Progress label="Devices" done={run.done} of={run.total} /> : null}
      {run.error === null ? null : <ProblemNote error={run.error} />}
      {run.phase === 'done' ? (
        <p>
          <Badge tone={run.failed === 0 ? 'ok' : 'warn'}>{plural(run.added, 'device')} added</Badge>{' '}
          {run.failed === 0 ? null : <Badge tone="bad">{run.failed} failed</Badge>} <Link to="/devices">Show the devices</Link>
        </p>
      ) : null}
      {run.problems.length === 0 ? null : (
        <ul className="prose">
          {run.problems.map((text) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
      {run.phase === 'running' || files.length === 0 ? null : (
        <>
          <p className="warning">
            <strong>The private keys exist only on this page.</strong> The hub has not kept them.
          </p>
          <button type="button" className="button button-main" onClick={() => download('devices.zip', zip(files), 'application/zip')}>
            Download {plural(files.length, 'file')} as devices.zip
          </button>
        </>
      )}
    </Panel>
  )
}
