import { useMutation } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { addDevice } from '../api/hub.ts'
import { queryClient } from '../api/query-client.ts'
import type { AddedDevice, DeviceInput } from '../api/types.ts'
import { ProblemNote } from '../ui/parts.tsx'

type Way = 'issue' | 'csr' | 'thumbprint'

const ways: readonly (readonly [Way, string, string])[] = [
  ['issue', 'Make key and certificate here', 'The quickest. The private key is shown once and never kept by the hub.'],
  ['csr', 'Sign a request of the device', 'The key stays on the device; paste its certificate signing request.'],
  ['thumbprint', 'Trust a certificate it has', 'For self-signed certificates; paste the SHA-256 thumbprint.'],
]

function specOf(id: string, way: Way, csr: string, primary: string, secondary: string): DeviceInput {
  if (way === 'issue') return { id }
  if (way === 'csr') return { id, csr }
  return {
    id,
    issue: false,
    authentication: { type: 'selfSigned', primaryThumbprint: primary, ...(secondary === '' ? {} : { secondaryThumbprint: secondary }) },
  }
}

/** The form for one device. */
export function AddOne({ done }: { readonly done: (added: AddedDevice) => void }) {
  const [id, setId] = useState('')
  const [way, setWay] = useState<Way>('issue')
  const [csr, setCsr] = useState('')
  const [primary, setPrimary] = useState('')
  const [secondary, setSecondary] = useState('')
  const hint = useId()
  const add = useMutation({
    mutationFn: addDevice,
    onSuccess: (added) => {
      void queryClient.invalidateQueries({ queryKey: ['devices'] })
      void queryClient.invalidateQueries({ queryKey: ['hub'] })
      done(added)
    },
  })
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault()
        add.mutate(specOf(id.trim(), way, csr, primary.trim(), secondary.trim()))
      }}
    >
      <label className="field">
        <span>Device id</span>
        <input
          value={id}
          required
          maxLength={128}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          placeholder="pump-1"
          aria-describedby={hint}
          onChange={(event) => setId(event.target.value)}
        />
        <span className="hint" id={hint}>
          Unique in this hub, at most 128 characters: letters, digits and - . _ : = @ among others.
        </span>
      </label>
      <fieldset className="choices">
        <legend>How it proves who it is</legend>
        {ways.map(([value, label, about]) => (
          <label key={value} className="choice">
            <input type="radio" name="way" value={value} checked={way === value} onChange={() => setWay(value)} />
            <span>
              <b>{label}</b>
              <span className="hint">{about}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {way === 'csr' ? (
        <label className="field">
          <span>Certificate signing request</span>
          <textarea
            rows={8}
            required
            value={csr}
            spellCheck={false}
            placeholder="-----BEGIN CERTIFICATE REQUEST-----"
            onChange={(event) => setCsr(event.target.value)}
          />
        </label>
      ) : null}
      {way === 'thumbprint' ? (
        <>
          <label className="field">
            <span>Primary thumbprint</span>
            <input
              value={primary}
              required
              spellCheck={false}
              autoComplete="off"
              placeholder="64 hexadecimal digits, colons allowed"
              onChange={(event) => setPrimary(event.target.value)}
            />
            <span className="hint">
              <code>openssl x509 -in device.pem -noout -fingerprint -sha256</code>
            </span>
          </label>
          <label className="field">
            <span>
              Secondary thumbprint <span className="optional">optional, for changing certificates without a gap</span>
            </span>
            <input value={secondary} spellCheck={false} autoComplete="off" onChange={(event) => setSecondary(event.target.value)} />
          </label>
        </>
      ) : null}
      {add.error === null ? null : <ProblemNote error={add.error} />}
      <div className="actions">
        <button type="submit" className="button button-main" disabled={add.isPending || id.trim() === ''}>
          {add.isPending ? 'Adding…' : 'Add device'}
        </button>
      </div>
    </form>
  )
}
