import { useMutation } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { createConfiguration } from '../api/configurations.ts'
import type { ConfigurationInput } from '../api/types.ts'
import { readObject } from '../lib/json-text.ts'
import { announce } from '../ui/announce.tsx'
import { Editor } from '../ui/editor.tsx'
import { PageHead, Panel, ProblemNote } from '../ui/parts.tsx'
import { ConfigurationFields, draftOf, patchOf } from './configuration-fields.tsx'

const firstContent = `{
  "deviceContent": {
    "properties.desired.report": {
      "every": 30
    }
  }
}`
const empty = draftOf({ targetCondition: '', priority: 10, labels: {}, metrics: {} })

/** Makes a configuration, after it has said whom it would be for. */
export function NewConfigurationPage() {
  const navigate = useNavigate()
  const [id, setId] = useState('')
  const [content, setContent] = useState(firstContent)
  const [draft, setDraft] = useState(empty)
  const read = readObject(content)
  const make = useMutation({
    mutationFn: (body: ConfigurationInput) => createConfiguration(body),
    onSuccess: (made) => {
      announce(`${made.id} is made, and begins to apply.`)
      void navigate({ to: '/configurations/$id', params: { id: made.id } })
    },
  })
  return (
    <div className="page page-narrow">
      <PageHead title="New configuration" lead={<Link to="/configurations">Configurations</Link>} />
      <Panel title="Configuration">
        <form
          className="form"
          onSubmit={(event) => {
            event.preventDefault()
            if (read.kind === 'value') make.mutate({ id: id.trim(), content: read.value, ...patchOf(draft) })
          }}
        >
          <label className="field">
            <span>Configuration id</span>
            <input
              value={id}
              required
              maxLength={128}
              spellCheck={false}
              autoComplete="off"
              onChange={(event) => setId(event.target.value)}
            />
          </label>
          <div className="field">
            <span>What it sets</span>
            <Editor
              label="Content of the configuration"
              text={content}
              rows={8}
              marks={read.kind === 'wrong' && read.line !== undefined ? [read.line] : []}
              change={setContent}
            />
            {read.kind === 'wrong' ? (
              <span className="hint hint-bad">{read.message}</span>
            ) : (
              <span className="hint">
                <code>deviceContent</code> or <code>moduleContent</code> by paths of the twin. It cannot be changed later.
              </span>
            )}
          </div>
          <ConfigurationFields draft={draft} change={setDraft} />
          {make.error === null ? null : <ProblemNote error={make.error} />}
          <div className="actions">
            <button type="submit" className="button button-main" disabled={make.isPending || read.kind === 'wrong'}>
              {make.isPending ? 'Making…' : 'Make the configuration'}
            </button>
          </div>
        </form>
      </Panel>
    </div>
  )
}
