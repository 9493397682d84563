import { useSyncExternalStore } from 'react'

/** What the operator chose: one of the two, or whatever the system says. */
export type Theme = 'system' | 'light' | 'dark'

const key = 'thingwall-theme'
let version = 0
const listeners = new Set<() => void>()

function changed(): void {
  version += 1
  for (const tell of listeners) tell()
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed)

function subscribe(tell: () => void): () => void {
  listeners.add(tell)
  return () => listeners.delete(tell)
}

/** The theme now chosen. */
export function currentTheme(): Theme {
  const chosen = document.documentElement.dataset['theme']
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system'
}

/** Chooses a theme and remembers it in this browser. */
export function chooseTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
  try {
    if (theme === 'system') localStorage.removeItem(key)
    else localStorage.setItem(key, theme)
  } catch {
    // Without storage the choice lasts until the page is closed.
  }
  changed()
}

/** A number that grows whenever colours may have changed: canvases must be drawn anew. */
export function useThemeVersion(): number {
  return useSyncExternalStore(subscribe, () => version)
}

/** The theme now chosen, as state. */
export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, currentTheme)
}
