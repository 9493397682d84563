import { Link, Outlet, useRouter, useRouterState } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { signOut } from '../api/hub.ts'
import { queryClient } from '../api/query-client.ts'
import { onSignedOut, rememberPlace } from '../api/session.ts'
import { announce } from '../ui/announce.tsx'
import { wallTime } from '../ui/time.tsx'
import { LinkBanner } from './link-banner.tsx'
import { places } from './places.ts'
import { Shortcuts } from './shortcuts.tsx'
import { ThemeSwitch } from './theme-switch.tsx'

/** The mark: courses of a wall, one of them shorter. */
function Mark() {
  return (
    <svg viewBox="0 0 20 18" width="20" height="18" aria-hidden="true" className="mark">
      <path d="M0 0h9v5H0zM11 0h9v5h-9zM0 6.5h5v5H0zM7 6.5h13v5H7zM0 13h13v5H0zM15 13h5v5h-5z" />
    </svg>
  )
}

/** What stands around every page: where one can go, whether the hub is there, and the page itself. */
export function Shell() {
  const router = useRouter()
  const path = useRouterState({ select: (state) => state.location.pathname })
  const [help, setHelp] = useState(false)

  useEffect(
    () =>
      onSignedOut(() => {
        queryClient.clear()
        const from = router.state.location.href
        if (router.state.location.pathname === '/sign-in') return
        rememberPlace(from, wallTime())
        void router.navigate({ to: '/sign-in', search: { from }, replace: true })
      }),
    [router],
  )

  // A new page is told to screen readers by moving the focus to its heading, and to everyone by the title.
  useEffect(
    () =>
      router.subscribe('onRendered', (event) => {
        const heading = document.getElementById('page-title')
        document.title = heading?.textContent ? `${heading.textContent} · Thingwall` : 'Thingwall'
        if (event.pathChanged && event.fromLocation !== undefined) heading?.focus({ preventScroll: true })
      }),
    [router],
  )

  const leave = async (): Promise<void> => {
    try {
      await signOut()
    } finally {
      queryClient.clear()
      announce('Signed out.')
      await router.navigate({ to: '/sign-in', replace: true })
    }
  }

  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="rail">
        <Link to="/" className="wordmark">
          <Mark />
          Thingwall
        </Link>
        <nav aria-label="Pages">
          <ul className="rail-list">
            {places.map((place) => (
              <li key={place.to}>
                <Link
                  to={place.to}
                  className="rail-link"
                  activeOptions={{ exact: place.to === '/' }}
                  activeProps={{ className: 'rail-link rail-here' }}
                >
                  {place.label}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="rail-foot">
          <ThemeSwitch />
          <div className="rail-buttons">
            <button type="button" className="button button-small button-bare rail-keys" onClick={() => setHelp(true)}>
              Shortcuts
            </button>
            <button type="button" className="button button-small button-bare" onClick={() => void leave()}>
              Sign out
            </button>
          </div>
        </div>
      </header>
      <div className="stage">
        <LinkBanner />
        <main id="main" tabIndex={-1} key={path}>
          <Outlet />
        </main>
      </div>
      <Shortcuts open={help} setOpen={setHelp} />
    </div>
  )
}
