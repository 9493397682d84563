import { type KeyboardEvent, type ReactNode, useId, useState } from 'react'

/** One tab: what it is called and what it shows. */
export type Tab = { readonly id: string; readonly label: string; readonly body: ReactNode }

/**
 * Tabs as WAI-ARIA describes them: arrows move, Home and End jump, one stop for the Tab key. With `at` and `goTo` somebody else, the address say,
 * remembers which one is shown.
 */
export function Tabs({
  label,
  tabs,
  at: told,
  goTo,
}: {
  readonly label: string
  readonly tabs: readonly Tab[]
  readonly at?: string
  readonly goTo?: (id: string) => void
}) {
  const [own, setOwn] = useState(tabs[0]?.id)
  const chosen = goTo === undefined ? own : (told ?? tabs[0]?.id)
  const setChosen = goTo ?? setOwn
  const base = useId()
  const move = (event: KeyboardEvent<HTMLDivElement>): void => {
    const at = tabs.findIndex((tab) => tab.id === chosen)
    const last = tabs.length - 1
    const target = new Map([
      ['ArrowRight', at === last ? 0 : at + 1],
      ['ArrowLeft', at === 0 ? last : at - 1],
      ['Home', 0],
      ['End', last],
    ]).get(event.key)
    const next = target === undefined ? undefined : tabs[target]
    if (next === undefined) return
    event.preventDefault()
    setChosen(next.id)
    document.getElementById(`${base}-${next.id}`)?.focus()
  }
  return (
    <div className="tabs">
      <div role="tablist" aria-label={label} className="tab-list" onKeyDown={move}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${base}-${tab.id}`}
            aria-selected={tab.id === chosen}
            aria-controls={`${base}-${tab.id}-panel`}
            tabIndex={tab.id === chosen ? 0 : -1}
            className="tab"
            onClick={() => setChosen(tab.id)}
          >
            {tab.label}
          </button>
        ))}
      </div>
      {tabs.map((tab) => (
        <div key={tab.id} role="tabpanel" id={`${base}-${tab.id}-panel`} aria-labelledby={`${base}-${tab.id}`} hidden={tab.id !== chosen}>
          {tab.id === chosen ? tab.body : null}
        </div>
      ))}
    </div>
  )
}
