import { Link, useRouter } from '@tanstack/react-router'
import { useEffect } from 'react'
import { toProblem } from '../api/problem.ts'
import { Empty, PageHead, ProblemNote, Skeleton } from '../ui/parts.tsx'

const retryMs = 3000

/** While a page's code is on its way. */
export function RouteWait() {
  return (
    <div className="page">
      <Skeleton rows={6} label="Loading the page" />
    </div>
  )
}

/** A page that could not be opened. When the hub did not answer it tries again by itself. */
export function RouteProblem({ error }: { readonly error: unknown }) {
  const router = useRouter()
  const silent = toProblem(error).status === 0
  useEffect(() => {
    if (!silent) return undefined
    const timer = setInterval(() => void router.invalidate(), retryMs)
    return () => clearInterval(timer)
  }, [silent, router])
  return (
    <main className="page page-narrow" id="main">
      <PageHead title="This page cannot be shown" />
      <ProblemNote error={error} retry={() => void router.invalidate()} />
    </main>
  )
}

/** An address without a page. */
export function NotFound() {
  return (
    <main className="page page-narrow" id="main">
      <PageHead title="There is no such page" />
      <Empty title="The address leads nowhere.">
        <p>
          <Link to="/">Go to the live page</Link> or <Link to="/devices">to the devices</Link>.
        </p>
      </Empty>
    </main>
  )
}
