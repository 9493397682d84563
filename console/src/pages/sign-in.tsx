import { useRouter, useSearch } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { signIn } from '../api/hub.ts'
import { toProblem } from '../api/problem.ts'
import { meQuery, queryClient } from '../api/query-client.ts'
import { onSignedIn, takePlace, tellSignedIn } from '../api/session.ts'
import { tokenOf } from '../lib/token.ts'
import { CodeBlock } from '../ui/copy.tsx'
import { ProblemNote } from '../ui/parts.tsx'
import { wallTime } from '../ui/time.tsx'

// Read once, when this code is loaded: the address is cleaned at once, so that the token stays in no history entry and no screenshot.
let fromAddress = tokenOf(location.hash)
if (location.hash !== '') history.replaceState(history.state, '', location.pathname + location.search)

function Why({ error }: { readonly error: unknown }) {
  const problem = toProblem(error)
  if (problem.status === 0 || problem.status === 429 || problem.status >= 500) return <ProblemNote error={error} />
  return (
    <div className="problem" role="alert">
      <p className="problem-title">This sign-in link is used up or has expired.</p>
      <p>A link works once, for fifteen minutes. Get a new one with the command below.</p>
      <p className="problem-foot">
        <code>{problem.code}</code>
      </p>
    </div>
  )
}

/** Trades a one-time link for a session, or says how to get a link. */
export function SignInPage() {
  const router = useRouter()
  const { from } = useSearch({ from: '/sign-in' })
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const [pasted, setPasted] = useState('')
  const [malformed, setMalformed] = useState(false)

  const enter = async (): Promise<void> => {
    await queryClient.fetchQuery({ ...meQuery, staleTime: 0 })
    await router.navigate({ href: from ?? takePlace(wallTime()), replace: true })
  }
  const spend = async (token: string): Promise<void> => {
    setBusy(true)
    setError(null)
    try {
      await signIn(token)
      tellSignedIn()
      await enter()
    } catch (problem) {
      setError(problem)
      setBusy(false)
    }
  }

  useEffect(() => {
    document.title = 'Sign in · Thingwall'
    const token = fromAddress
    fromAddress = undefined
    if (token !== undefined) void spend(token)
    const stop = onSignedIn(() => void enter())
    // A second link opened in this very tab only changes the fragment.
    const changed = (): void => {
      const next = tokenOf(location.hash)
      history.replaceState(history.state, '', location.pathname + location.search)
      if (next !== undefined) void spend(next)
    }
    window.addEventListener('hashchange', changed)
    return () => {
      stop()
      window.removeEventListener('hashchange', changed)
    }
    // Once: the token is spent at the first look.
  }, [])

  return (
    <main className="sign-in" id="main">
      <div className="sign-in-card">
        <p className="sign-in-name">Thingwall</p>
        <h1 id="page-title">Sign in</h1>
        {busy ? (
          <p role="status">Signing in…</p>
        ) : (
          <>
            {error === null ? null : <Why error={error} />}
            <p>There is no password. On the machine of the hub, type</p>
            <CodeBlock text="npx thingwall sign-in" what="sign-in command" />
            <p>and open the link it prints. In another browser, paste the link here.</p>
            <form
              className="form"
              onSubmit={(event) => {
                event.preventDefault()
                const token = tokenOf(pasted)
                setMalformed(token === undefined)
                if (token !== undefined) void spend(token)
              }}
            >
              <label className="field">
                <span>Sign-in link</span>
                <input
                  value={pasted}
                  autoComplete="off"
                  spellCheck={false}
                  aria-invalid={malformed}
                  aria-describedby="link-hint"
                  onChange={(event) => setPasted(event.target.value)}
                />
                <span className={malformed ? 'hint hint-bad' : 'hint'} id="link-hint">
                  {malformed ? 'This is not a sign-in link: it must end in #token= and the token.' : 'It ends in #token= and the token.'}
                </span>
              </label>
              <button type="submit" className="button button-main" disabled={pasted.trim() === ''}>
                Sign in
              </button>
            </form>
            {from === undefined ? null : <p className="quiet">Afterwards you return to where you were.</p>}
          </>
        )}
      </div>
    </main>
  )
}
