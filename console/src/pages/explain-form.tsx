import { useNavigate } from '@tanstack/react-router'
import { type InputHTMLAttributes, useState } from 'react'
import { type Action, actions } from '../lib/facts.ts'

const methods = [
  ['x509', 'certificate of another CA'],
  ['sat', 'service account token'],
  ['custom', 'custom webhook'],
] as const
type Method = (typeof methods)[number][0]

/** What the address asks. */
export type Asked = {
  readonly device?: string | undefined
  readonly method?: Method | undefined
  readonly username?: string | undefined
  readonly clientId?: string | undefined
  readonly attributes?: string | undefined
  readonly action?: Action | undefined
  readonly topic?: string | undefined
}

const plain: InputHTMLAttributes<HTMLInputElement> = { autoComplete: 'off', autoCapitalize: 'none', spellCheck: false }
const filled = (name: string, text: string): object => (text.trim() === '' ? {} : { [name]: text.trim() })

/** Who, what and where. The question goes into the address, so that it can be sent to somebody else. */
export function ExplainForm({ asked, again }: { readonly asked: Asked; readonly again: () => void }) {
  const navigate = useNavigate({ from: '/explain' })
  const [registered, setRegistered] = useState(asked.username === undefined)
  const [name, setName] = useState(asked.device ?? asked.username ?? '')
  const [method, setMethod] = useState<Method>(asked.method ?? 'custom')
  const [clientId, setClientId] = useState(asked.clientId ?? '')
  const [attributes, setAttributes] = useState(asked.attributes ?? '')
  const [action, setAction] = useState<Action>(asked.action ?? 'publish')
  const [topic, setTopic] = useState(asked.topic ?? '')
  const ask = (): void => {
    const who = registered ? { device: name.trim() } : { method, username: name.trim(), ...filled('attributes', attributes) }
    // A topic may begin or end with a space, and then it is another topic.
    const where = action === 'connect' || topic === '' ? {} : { topic }
    void navigate({ search: { ...who, ...filled('clientId', clientId), action, ...where } })
    again()
  }
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault()
        ask()
      }}
    >
      <fieldset className="switch switch-start">
        <legend className="hidden">Who asks</legend>
        {[true, false].map((each) => (
          <label key={String(each)} className="switch-option">
            <input type="radio" name="who" checked={registered === each} onChange={() => setRegistered(each)} />
            <span>{each ? 'Registered device' : 'Somebody else'}</span>
          </label>
        ))}
      </fieldset>
      <div className="form-line">
        <label className="field">
          <span>{registered ? 'Device' : 'Username'}</span>
          <input
            {...plain}
            value={name}
            required
            data-search=""
            placeholder={registered ? 'pump-1' : 'historian'}
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <label className="field">
          <span>Action</span>
          <select value={action} onChange={(event) => setAction(actions.find((each) => each === event.target.value) ?? 'publish')}>
            {actions.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <label className="field grow">
          <span>{action === 'subscribe' ? 'Topic filter' : 'Topic name'}</span>
          <input
            {...plain}
            value={action === 'connect' ? '' : topic}
            required={action !== 'connect'}
            disabled={action === 'connect'}
            placeholder={action === 'connect' ? 'not needed' : 'devices/pump-1/messages/events/'}
            onChange={(event) => setTopic(event.target.value)}
          />
        </label>
        <button type="submit" className="button button-main">
          Explain
        </button>
      </div>
      {registered ? null : (
        <div className="form-line">
          <label className="field">
            <span>Method</span>
            <select value={method} onChange={(event) => setMethod(methods.find(([each]) => each === event.target.value)?.[0] ?? 'custom')}>
              {methods.map(([each, words]) => (
                <option key={each} value={each}>
                  {words}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            <span>
              Client identifier <span className="optional">optional</span>
            </span>
            <input {...plain} value={clientId} placeholder="as the username" onChange={(event) => setClientId(event.target.value)} />
          </label>
          <label className="field grow">
            <span>
              Attributes <span className="optional">optional, a JSON object</span>
            </span>
            <input
              {...plain}
              value={attributes}
              placeholder='{"building": "b22"}'
              onChange={(event) => setAttributes(event.target.value)}
            />
          </label>
        </div>
      )}
    </form>
  )
}
