import { useState } from 'react'
import { explainDecision } from '../api/policies.ts'
import type { Decision } from '../api/types.ts'
import { ProblemNote } from '../ui/parts.tsx'
import { DecisionView } from './decision.tsx'

/** Explaining one denial of the journal in place: a button, and then the answer. `at` is the offset of its record. */
export function useDenial(
  denied: { readonly decision: string; readonly offset: number } | undefined,
  what: string,
): { readonly button: React.ReactNode; readonly answer: React.ReactNode } {
  const [decision, setDecision] = useState<Decision | null>(null)
  const [error, setError] = useState<unknown>(null)
  if (denied === undefined) return { button: null, answer: null }
  const ask = async (): Promise<void> => {
    setError(null)
    try {
      const found = await explainDecision(denied.decision, denied.offset)
      if (found.decision === null) throw new Error('The journal does not keep this denial any more.')
      setDecision(found.decision)
    } catch (problem) {
      setError(problem)
    }
  }
  return {
    button: (
      <button
        type="button"
        className="button button-small"
        aria-label={`${decision === null ? 'Explain' : 'Close the explanation of'} ${what}`}
        aria-expanded={decision !== null}
        onClick={() => (decision === null ? void ask() : setDecision(null))}
      >
        {decision === null ? 'Explain' : 'Close'}
      </button>
    ),
    answer: (
      <>
        {error === null ? null : <ProblemNote error={error} />}
        {decision === null ? null : <DecisionView decision={decision} />}
      </>
    ),
  }
}
