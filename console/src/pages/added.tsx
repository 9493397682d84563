import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { fetchDevice } from '../api/hub.ts'
import type { AddedDevice } from '../api/types.ts'
import { download, fileNameOf } from '../lib/files.ts'
import { zip } from '../lib/zip.ts'
import { announce } from '../ui/announce.tsx'
import { Dot, PageHead, Panel } from '../ui/parts.tsx'
import { ConnectHelp } from './connect.tsx'

const watchMs = 2000

function Files({ added, saved }: { readonly added: AddedDevice; readonly saved: () => void }) {
  const name = fileNameOf(added.device.id)
  const files = [
    ...(added.certificatePem ? [{ name: `${name}.cert.pem`, text: added.certificatePem, about: 'certificate and its issuers' }] : []),
    ...(added.privateKeyPem ? [{ name: `${name}.key.pem`, text: added.privateKeyPem, about: 'private key, shown once' }] : []),
    { name: 'root.pem', text: added.rootPem, about: "the hub's root certificate" },
  ]
  return (
    <Panel
      title="Files"
      aside={
        <button
          type="button"
          className="button button-main"
          onClick={() => {
            download(`${name}.zip`, zip(files), 'application/zip')
            saved()
          }}
        >
          Download all as {name}.zip
        </button>
      }
    >
      {added.privateKeyPem ? (
        <p className="warning">
          <strong>The private key exists only on this page.</strong> The hub has not kept it. Download it now; when it is lost, issue a new
          certificate.
        </p>
      ) : null}
      <ul className="file-list">
        {files.map((file) => (
          <li key={file.name}>
            <code>{file.name}</code>
            <span className="quiet">{file.about}</span>
            <button
              type="button"
              className="button button-small"
              aria-label={`Download ${file.name}`}
              onClick={() => {
                download(file.name, [file.text])
                if (file.name.endsWith('.key.pem')) saved()
              }}
            >
              Download
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

/** What a new device needs: its files, and a program in the language of its maker. Waits for its first connection. */
export function Added({ added, another }: { readonly added: AddedDevice; readonly another: () => void }) {
  const { device, connection } = added
  const [saved, setSaved] = useState(!added.privateKeyPem)
  const watch = useQuery({ queryKey: ['device', device.id], queryFn: () => fetchDevice(device.id), refetchInterval: watchMs })
  const connected = watch.data?.connected === true

  useEffect(() => {
    document.title = `${device.id} added · Thingwall`
    announce(`Device ${device.id} added.`)
    document.getElementById('page-title')?.focus({ preventScroll: true })
  }, [device.id])

  // Leaving would lose the only copy of the key.
  useEffect(() => {
    if (saved) return undefined
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault()
    window.addEventListener('beforeunload', warn)
    return () => window.removeEventListener('beforeunload', warn)
  }, [saved])

  return (
    <div className="page page-narrow">
      <PageHead title={`${device.id} is added`} lead="Two steps are left: save its files, then let it connect.">
        <button type="button" className="button" onClick={another}>
          Add another
        </button>
        <Link to="/devices/$id" params={{ id: device.id }} className="button">
          Open the device
        </Link>
      </PageHead>
      <Files added={added} saved={() => setSaved(true)} />
      <Panel title="Connect" aside={<Dot on={connected}>{connected ? 'connected' : 'waiting for its first connection'}</Dot>}>
        <ConnectHelp device={device.id} connection={connection} />
      </Panel>
    </div>
  )
}
