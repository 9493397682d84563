import { type ReactNode, useState } from 'react'
import { Dialog } from './dialog.tsx'
import { ProblemNote } from './parts.tsx'

/** A change that asks first: what it does, and for the irreversible ones the name typed once more. */
export type Question = {
  readonly title: string
  readonly body: ReactNode
  readonly verb: string
  readonly typed?: string
  readonly reason?: boolean
  /** The body has tables. */
  readonly wide?: boolean
  readonly act: (reason: string) => Promise<void>
}

/** The dialog of a {@link Question}; null shows nothing. Stays open with the problem when the change was refused. */
export function Confirm({ question, close }: { readonly question: Question | null; readonly close: () => void }) {
  const [typed, setTyped] = useState('')
  const [reason, setReason] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const done = (): void => {
    setTyped('')
    setReason('')
    setError(null)
    close()
  }
  const act = async (asked: Question): Promise<void> => {
    setBusy(true)
    setError(null)
    try {
      await asked.act(reason.trim())
      done()
    } catch (problem) {
      setError(problem)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Dialog title={question?.title ?? ''} open={question !== null} close={done} wide={question?.wide === true}>
      {question === null ? null : (
        <form
          className="form"
          onSubmit={(event) => {
            event.preventDefault()
            void act(question)
          }}
        >
          <div className="prose">{question.body}</div>
          {question.reason === true ? (
            <label className="field">
              <span>
                Reason <span className="optional">optional, kept in the audit log</span>
              </span>
              <input value={reason} maxLength={128} onChange={(event) => setReason(event.target.value)} />
            </label>
          ) : null}
          {question.typed === undefined ? null : (
            <label className="field">
              <span>
                Type <code>{question.typed}</code> to go on
              </span>
              <input value={typed} autoComplete="off" spellCheck={false} onChange={(event) => setTyped(event.target.value)} />
            </label>
          )}
          {error === null ? null : <ProblemNote error={error} />}
          <div className="actions actions-end">
            <button type="button" className="button" onClick={done}>
              Cancel
            </button>
            <button
              type="submit"
              className="button button-danger"
              disabled={busy || (question.typed !== undefined && typed !== question.typed)}
            >
              {busy ? 'Working…' : question.verb}
            </button>
          </div>
        </form>
      )}
    </Dialog>
  )
}
