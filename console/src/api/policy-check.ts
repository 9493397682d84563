import { useEffect, useState } from 'react'
import { testPolicies } from './policies.ts'
import { type Mistake, toProblem } from './problem.ts'
import type { PolicyTestResults } from './types.ts'

/** What the hub says of a text of policies: what is wrong with it, or how its tests come out. */
export type Verdict =
  | { readonly kind: 'empty' }
  | { readonly kind: 'looking' }
  | { readonly kind: 'wrong'; readonly mistakes: readonly Mistake[] }
  | { readonly kind: 'right'; readonly tests: PolicyTestResults }

/** Pause in typing after which the text is looked at. */
const pauseMs = 400

/** Asks the hub about `text` whenever it has stood still for a moment. The last verdict stays until the next one is there. */
export function useVerdict(text: string): Verdict {
  const [verdict, setVerdict] = useState<Verdict>({ kind: 'looking' })
  useEffect(() => {
    const asking = new AbortController()
    const look = async (): Promise<void> => {
      if (text.trim() === '') {
        setVerdict({ kind: 'empty' })
        return
      }
      try {
        const tests = await testPolicies(text, asking.signal)
        if (!asking.signal.aborted) setVerdict({ kind: 'right', tests })
      } catch (error) {
        if (asking.signal.aborted) return
        const { errors, code, message } = toProblem(error)
        setVerdict({ kind: 'wrong', mistakes: errors.length > 0 ? errors : [{ code, message }] })
      }
    }
    const timer = setTimeout(() => void look(), pauseMs)
    return () => {
      clearTimeout(timer)
      asking.abort()
    }
  }, [text])
  return verdict
}
