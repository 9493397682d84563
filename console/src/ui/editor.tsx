import { useImperativeHandle, useMemo, useRef, type Ref } from 'react'

/** What the owner of an {@link Editor} may do with it. */
export type EditorHandle = {
  /** Puts the cursor at the start of a line, from 1, and shows it. */
  goTo(line: number): void
}

/** As in the style sheet: the height of a line in pixels. */
const linePx = 18

/** Line numbers as one text, because a thousand elements for them would be a thousand too many. */
function numbersTo(lines: number): string {
  return Array.from({ length: lines }, (_, n) => n + 1).join('\n')
}

/**
 * Text with line numbers. `marks` are lines, from 1, that have something wrong with them. Without `change` it can be read and copied only. The
 * Tab key leaves it, as it leaves every field.
 */
export function Editor({
  label,
  text,
  change,
  marks = [],
  described,
  maxLength,
  rows = 12,
  ref,
}: {
  readonly label: string
  readonly text: string
  readonly change?: (text: string) => void
  readonly marks?: readonly number[]
  readonly described?: string
  readonly maxLength?: number
  /** Lines it shows at least. */
  readonly rows?: number
  readonly ref?: Ref<EditorHandle>
}) {
  const area = useRef<HTMLTextAreaElement>(null)
  const gutter = useRef<HTMLDivElement>(null)
  const bands = useRef<HTMLDivElement>(null)
  const lines = useMemo(() => text.split('\n').length, [text])
  const numbers = useMemo(() => numbersTo(lines), [lines])
  const follow = (): void => {
    const down = area.current?.scrollTop ?? 0
    if (gutter.current !== null) gutter.current.style.transform = `translateY(${-down}px)`
    if (bands.current !== null) bands.current.style.transform = `translateY(${-down}px)`
  }
  useImperativeHandle(ref, () => ({
    goTo(line) {
      const element = area.current
      if (element === null) return
      const all = element.value.split('\n')
      const start = all.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0)
      element.focus()
      element.setSelectionRange(start, start + (all[line - 1]?.length ?? 0))
      element.scrollTop = Math.max(0, (line - 1) * linePx - element.clientHeight / 3)
      follow()
    },
  }))
  return (
    <div className="editor" style={{ height: Math.min(Math.max(lines + 1, rows), 32) * linePx + 18 }}>
      <div className="editor-gutter" aria-hidden="true">
        <div ref={gutter}>
          {marks.map((line) => (
            <span key={line} className="editor-mark" style={{ top: (line - 1) * linePx }} />
          ))}
          <pre>{numbers}</pre>
        </div>
      </div>
      <div className="editor-pane">
        <div ref={bands} aria-hidden="true">
          {marks.map((line) => (
            <span key={line} className="editor-band" style={{ top: (line - 1) * linePx }} />
          ))}
        </div>
        <textarea
          ref={area}
          aria-label={label}
          {...(described === undefined ? {} : { 'aria-describedby': described })}
          aria-invalid={marks.length > 0}
          value={text}
          readOnly={change === undefined}
          wrap="off"
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="none"
          {...(maxLength === undefined ? {} : { maxLength })}
          onScroll={follow}
          onChange={(event) => change?.(event.target.value)}
        />
      </div>
    </div>
  )
}
