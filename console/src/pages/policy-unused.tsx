import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { searchUnused } from '../api/policies.ts'
import type { ShrinkProposal } from '../api/types.ts'
import { keepDraft } from '../lib/drafts.ts'
import { count, plural } from '../lib/format.ts'
import { announce } from '../ui/announce.tsx'
import { Panel, ProblemNote, Progress } from '../ui/parts.tsx'
import { RuleLink } from './decision.tsx'

const cutsShown = 20

function Proposed({ document }: { readonly document: ShrinkProposal['documents'][number] }) {
  const navigate = useNavigate()
  const { name, cuts, text } = document
  return (
    <li className="gaps">
      <p>
        <b>{name}</b> <span className="quiet">{plural(cuts.length, 'right')} less</span>
      </p>
      <ul className="plain-list">
        {cuts.slice(0, cutsShown).map((cut) => (
          <li key={`${cut.rule} ${cut.from}`}>
            <RuleLink rule={cut.rule} /> <code>{cut.from}</code> becomes{' '}
            {cut.to.length === 0 ? 'nothing' : <code>{cut.to.join(', ')}</code>}
          </li>
        ))}
        {cuts.length > cutsShown ? <li className="quiet">and {cuts.length - cutsShown} more</li> : null}
      </ul>
      {text === null ? (
        <p>Nobody used anything of it. Remove it on its page.</p>
      ) : (
        <button
          type="button"
          className="button button-small"
          onClick={() => {
            keepDraft(name, text)
            void navigate({ to: '/edit-policy', search: { name } })
          }}
        >
          Open the smaller {name} in the editor
        </button>
      )}
    </li>
  )
}

/** Looks for rights that nobody used in some days. It proposes; the editor plans and applies. */
export function UnusedPanel() {
  const [days, setDays] = useState(30)
  const [share, setShare] = useState<number | null>(null)
  const [found, setFound] = useState<ShrinkProposal | null>(null)
  const [error, setError] = useState<unknown>(null)
  const running = useRef<AbortController>(null)
  useEffect(() => () => running.current?.abort(), [])
  const search = async (): Promise<void> => {
    const mine = new AbortController()
    running.current = mine
    setShare(0)
    setFound(null)
    setError(null)
    try {
      const proposal = await searchUnused(days, setShare, mine.signal)
      if (proposal === undefined) throw new Error('The hub ended the search.')
      setFound(proposal)
      announce('The search for unused rights is done.')
    } catch (problem) {
      if (!mine.signal.aborted) setError(problem)
    } finally {
      setShare(null)
    }
  }
  return (
    <Panel title="Unused rights">
      <form
        className="toolbar"
        onSubmit={(event) => {
          event.preventDefault()
          void search()
        }}
      >
        <label className="inline-field">
          <span>Not used in days</span>
          <input
            type="number"
            className="day-field"
            min={1}
            max={3650}
            required
            value={days}
            onChange={(event) => setDays(event.target.valueAsNumber || 1)}
          />
        </label>
        {share === null ? (
          <button type="submit" className="button button-small">
            Search the journal
          </button>
        ) : (
          <button type="button" className="button button-small" onClick={() => running.current?.abort()}>
            Cancel
          </button>
        )}
      </form>
      {share === null ? null : <Progress label="Percent of the journal" done={Math.round(share * 100)} of={100} />}
      {error === null ? null : <ProblemNote error={error} />}
      {found === null ? null : (
        <div className="gaps" aria-live="polite">
          <p>
            {found.documents.length === 0 ? 'Every right was used.' : `${plural(found.documents.length, 'document')} could be smaller.`}{' '}
            <span className="quiet">
              {count(found.records)} records, {count(found.uses)} uses of rights
              {found.unexplained === 0 ? '' : `, ${count(found.unexplained)} that the policy in force would not allow`}.
            </span>
          </p>
          <ul className="plain-list gaps">
            {found.documents.map((document) => (
              <Proposed key={document.name} document={document} />
            ))}
          </ul>
        </div>
      )}
    </Panel>
  )
}
