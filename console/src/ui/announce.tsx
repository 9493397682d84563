import { useSyncExternalStore } from 'react'

let message = ''
const listeners = new Set<() => void>()

/** Says a sentence to screen readers, politely, and shows it for a moment to everyone else. */
export function announce(text: string): void {
  message = text
  for (const tell of listeners) tell()
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell)
  return () => listeners.delete(tell)
}

/** The one polite live region; it stands in the shell from the first paint, or readers would miss the first sentence. */
export function Announcer() {
  const text = useSyncExternalStore(subscribe, () => message)
  return (
    <div className="announcer" role="status" aria-live="polite">
      {text === '' ? null : (
        <p className="announcer-text" key={text}>
          {text}
        </p>
      )}
    </div>
  )
}
