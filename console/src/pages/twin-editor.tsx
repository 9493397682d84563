import { useMutation } from '@tanstack/react-query'
import { useEffect, useId, useRef, useState } from 'react'
import { queryClient } from '../api/query-client.ts'
import { fetchTwin, patchTwin } from '../api/twins.ts'
import type { Twin } from '../api/types.ts'
import { nameOf, type Who } from '../api/who.ts'
import { plural } from '../lib/format.ts'
import { mergePatchOf } from '../lib/twin-diff.ts'
import { baseOf, editOf, mergedText, readTwinText, textOf, type TwinEdit } from '../lib/twin-edit.ts'
import type { TwinText } from '../lib/twin-past.ts'
import { announce } from '../ui/announce.tsx'
import { ChangeLines } from '../ui/changes.tsx'
import { Editor, type EditorHandle } from '../ui/editor.tsx'
import { Badge, Panel, ProblemNote } from '../ui/parts.tsx'

/** Tags and desired properties together have no more than that. */
const maxLength = 128 * 1024

function Conflict({ edit, merge }: { readonly edit: TwinEdit; readonly merge: (keep: 'mine' | 'theirs') => void }) {
  const { theirs, clashing } = edit
  return (
    <div className="warning gaps" role="alert" data-conflict={clashing.length}>
      <p>
        <strong>The twin was changed meanwhile.</strong>{' '}
        {clashing.length === 0
          ? 'None of it touches what you changed.'
          : `${plural(clashing.length, 'of your changes is', 'of your changes are')} about the same place.`}
      </p>
      <ChangeLines changes={theirs} label="What was changed meanwhile" />
      <p className="actions">
        {clashing.length === 0 ? (
          <button type="button" className="button button-small" onClick={() => merge('mine')}>
            Take it in
          </button>
        ) : (
          <>
            <button type="button" className="button button-small" onClick={() => merge('mine')}>
              Merge, mine wins
            </button>
            <button type="button" className="button button-small" onClick={() => merge('theirs')}>
              Merge, theirs wins
            </button>
          </>
        )}
      </p>
    </div>
  )
}

/** Tags and desired properties as text: checked while one types, shown as a difference before they are saved, merged when others were quicker. */
export function TwinEditor({
  who,
  twin,
  proposed,
}: {
  readonly who: Who
  readonly twin: Twin
  readonly proposed: { readonly n: number; readonly text: TwinText } | null
}) {
  const newest = baseOf(twin)
  const [base, setBase] = useState(newest)
  const [text, setText] = useState(() => textOf(newest))
  const editor = useRef<EditorHandle>(null)
  const place = useRef<HTMLDivElement>(null)
  const status = useId()
  const read = readTwinText(text)
  const edit = read.kind === 'value' ? editOf(base, read.value, newest) : undefined
  const isPristine = text === textOf(base)

  // An untouched text follows the hub, and so does a base that differs by its etag alone.
  const isStale = newest.etag !== base.etag
  const follows = isStale && (isPristine || edit?.theirs.length === 0)
  useEffect(() => {
    if (!follows) return
    setBase(baseOf(twin))
    if (isPristine) setText(textOf(baseOf(twin)))
  }, [follows, isPristine, twin])

  const n = proposed?.n
  useEffect(() => {
    if (proposed === null) return
    setText(textOf(proposed.text))
    place.current?.scrollIntoView({ block: 'nearest' })
    announce('The text is in the editor. Nothing is changed yet.')
    // The number stands for the proposal: the same text may be proposed again.
  }, [n])

  const save = useMutation({
    mutationFn: ({ change }: { readonly change: TwinEdit }) => patchTwin(who, mergePatchOf(change.mine), base.etag),
    onSuccess: (saved) => {
      const now = baseOf(saved)
      setBase(now)
      setText(textOf(now))
      queryClient.setQueryData(['twin', nameOf(who)], saved)
      void queryClient.invalidateQueries({ queryKey: ['twin-history', nameOf(who)] })
      announce('The twin is changed.')
    },
    // Somebody was quicker: with the newest twin the difference can be told.
    onError: () => void queryClient.fetchQuery({ queryKey: ['twin', nameOf(who)], queryFn: () => fetchTwin(who), staleTime: 0 }),
  })
  const behind = edit !== undefined && edit.mine.length > 0 && edit.theirs.length > 0
  const merge = (keep: 'mine' | 'theirs'): void => {
    if (edit === undefined) return
    setText(textOf(mergedText(newest, edit, keep)))
    setBase(newest)
    save.reset()
  }
  return (
    <Panel
      title="Tags and desired properties"
      aside={
        <span className="quiet" data-etag={base.etag}>
          desired version {twin.desired.version}
        </span>
      }
    >
      <div ref={place} className="gaps">
        <Editor
          ref={editor}
          label="Tags and desired properties"
          text={text}
          marks={read.kind === 'wrong' && read.line !== undefined ? [read.line] : []}
          described={status}
          maxLength={maxLength}
          change={(next) => {
            save.reset()
            setText(next)
          }}
        />
        <div id={status} aria-live="polite" className="gaps">
          {read.kind === 'wrong' ? (
            <p className="ink-bad">{read.message}</p>
          ) : edit === undefined || edit.mine.length === 0 ? (
            <p className="quiet">As the hub has it. What you change is shown here before it is saved.</p>
          ) : (
            <>
              <p>{plural(edit.mine.length, 'change')}, not saved yet</p>
              <ChangeLines changes={edit.mine} label="What you change" />
            </>
          )}
        </div>
      </div>
      {behind ? <Conflict edit={edit} merge={merge} /> : null}
      {save.error === null || behind ? null : <ProblemNote error={save.error} />}
      <div className="actions">
        <button
          type="button"
          className="button button-main"
          disabled={save.isPending || edit === undefined || edit.mine.length === 0 || behind}
          onClick={() => {
            if (edit !== undefined) save.mutate({ change: edit })
          }}
        >
          {save.isPending ? 'Saving…' : 'Save'}
        </button>
        <button
          type="button"
          className="button"
          disabled={isPristine}
          onClick={() => {
            setBase(newest)
            setText(textOf(newest))
            save.reset()
          }}
        >
          Undo all
        </button>
        {save.isSuccess && isPristine ? <Badge tone="ok">saved</Badge> : null}
      </div>
    </Panel>
  )
}
