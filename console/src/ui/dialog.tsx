import { type ReactNode, useEffect, useId, useRef } from 'react'

/** A modal dialog of the browser's own: it keeps the focus inside, closes on Escape, and gives the focus back. */
export function Dialog({
  title,
  open,
  close,
  children,
  wide = false,
}: {
  readonly title: string
  readonly open: boolean
  readonly close: () => void
  readonly children: ReactNode
  readonly wide?: boolean
}) {
  const element = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    const dialog = element.current
    if (dialog === null || dialog.open === open) return
    if (open) dialog.showModal()
    else dialog.close()
  }, [open])
  return (
    <dialog
      ref={element}
      className={wide ? 'dialog dialog-wide' : 'dialog'}
      aria-labelledby={heading}
      onClose={close}
      onClick={(event) => {
        if (event.target === element.current) close()
      }}
    >
      {open ? (
        <div className="dialog-inside">
          <h2 id={heading}>{title}</h2>
          {children}
        </div>
      ) : null}
    </dialog>
  )
}
