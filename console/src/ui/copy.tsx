import { useEffect, useState } from 'react'
import { announce } from './announce.tsx'

/** Copies `text`; says so on the button and to screen readers. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const [state, setState] = useState<'idle' | 'done' | 'failed'>('idle')
  useEffect(() => {
    if (state === 'idle') return undefined
    const timer = setTimeout(() => setState('idle'), 2000)
    return () => clearTimeout(timer)
  }, [state])
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text)
      setState('done')
      announce(`${what} copied.`)
    } catch {
      setState('failed')
      announce('The browser did not allow copying. Select the text and copy it by hand.')
    }
  }
  return (
    <button
      type="button"
      className="button button-small"
      {...(state === 'idle' ? { 'aria-label': `Copy ${what}` } : {})}
      onClick={() => void copy()}
    >
      {state === 'done' ? 'Copied' : state === 'failed' ? 'Not allowed' : 'Copy'}
    </button>
  )
}

/** Text to type or paste elsewhere, with its copy button. */
export function CodeBlock({ text, what }: { readonly text: string; readonly what: string }) {
  return (
    <div className="code-block">
      {/* Scrolls sideways, so the keyboard must reach it. */}
      <pre tabIndex={0} role="region" aria-label={what}>
        <code>{text}</code>
      </pre>
      <div className="code-copy">
        <CopyButton text={text} what={what} />
      </div>
    </div>
  )
}

/** A short value in type-writer face with its copy button. */
export function CopyValue({ text, what }: { readonly text: string; readonly what: string }) {
  return (
    <span className="copy-value">
      <code>{text}</code>
      <CopyButton text={text} what={what} />
    </span>
  )
}
