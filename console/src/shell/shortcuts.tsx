import { useRouter } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { Dialog } from '../ui/dialog.tsx'
import { places } from './places.ts'

const key = 'thingwall-shortcuts'
const chordMs = 1200

function remembered(): boolean {
  try {
    return localStorage.getItem(key) !== 'off'
  } catch {
    return true
  }
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable], dialog') !== null
}

/** The keys of the console, and the dialog that lists them. They can be switched off (WCAG 2.1.4). */
export function Shortcuts({ open, setOpen }: { readonly open: boolean; readonly setOpen: (open: boolean) => void }) {
  const router = useRouter()
  const [on, setOn] = useState(remembered)

  useEffect(() => {
    if (!on) return undefined
    let goSince = Number.NEGATIVE_INFINITY
    const pressed = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      const going = event.timeStamp - goSince < chordMs
      goSince = Number.NEGATIVE_INFINITY
      const place = going ? places.find((each) => each.key === event.key) : undefined
      if (place !== undefined) void router.navigate({ to: place.to })
      else if (event.key === 'g') goSince = event.timeStamp
      else if (event.key === '?') setOpen(true)
      else if (event.key === '/') {
        event.preventDefault()
        const search = document.querySelector<HTMLInputElement>('[data-search]')
        if (search === null)
          void router.navigate({ to: '/devices' }).then(() => document.querySelector<HTMLInputElement>('[data-search]')?.focus())
        else search.focus()
      }
    }
    document.addEventListener('keydown', pressed)
    return () => document.removeEventListener('keydown', pressed)
  }, [on, router, setOpen])

  const toggle = (): void => {
    setOn(!on)
    try {
      localStorage.setItem(key, on ? 'off' : 'on')
    } catch {
      // Without storage the choice lasts until the page is closed.
    }
  }

  return (
    <Dialog title="Keyboard shortcuts" open={open} close={() => setOpen(false)}>
      <dl className="keys">
        {places.map((place) => (
          <div key={place.key}>
            <dt>
              <kbd>g</kbd> <kbd>{place.key}</kbd>
            </dt>
            <dd>{place.label}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd>/</kbd>
          </dt>
          <dd>Search</dd>
        </div>
        <div>
          <dt>
            <kbd>p</kbd>
          </dt>
          <dd>Hold or release the stream on the live page</dd>
        </div>
        <div>
          <dt>
            <kbd>?</kbd>
          </dt>
          <dd>This list</dd>
        </div>
      </dl>
      <label className="check">
        <input type="checkbox" checked={on} onChange={toggle} /> Single-key shortcuts are on
      </label>
      <div className="actions actions-end">
        <button type="button" className="button" onClick={() => setOpen(false)}>
          Close
        </button>
      </div>
    </Dialog>
  )
}
