import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { fetchDevice } from '../api/hub.ts'
import type { Connection, Device, DeviceDetail } from '../api/types.ts'
import { bytes, count, dateTime, fingerprint } from '../lib/format.ts'
import { Badge, Dot, Empty, Facts, PageHead, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { Tabs } from '../ui/tabs.tsx'
import { Ago } from '../ui/time.tsx'
import { ConnectHelp } from './connect.tsx'
import { DeviceActions } from './device-actions.tsx'
import { CertificatePanel } from './device-certificates.tsx'
import { DeviceHistory } from './device-history.tsx'
import { FilesView } from './files.tsx'
import { MessagesView } from './messages.tsx'
import { MethodsView } from './methods.tsx'
import { ModulesView } from './modules.tsx'
import { TwinView } from './twin.tsx'

const refreshMs = 3000

function authenticationText(device: Device): string {
  if (device.authentication.type === 'certificateAuthority') return "certificate of this hub's CA"
  if (device.authentication.type === 'sas') return 'shared keys, for a migration'
  return device.authentication.secondaryThumbprint === null ? 'thumbprint of its own certificate' : 'thumbprints of two certificates'
}

function ConnectionPanel({ connections }: { readonly connections: readonly Connection[] }) {
  return (
    <Panel title="Connections">
      {connections.length === 0 ? (
        <Empty title="Not connected now." />
      ) : (
        connections.map((each) => (
          <Facts
            key={each.id}
            pairs={[
              ['Transport', `${each.transport}, MQTT ${each.mqttVersion === 5 ? '5' : '3.1.1'}`],
              ['Since', <Ago key="since" at={each.since} />],
              ['From', <code key="from">{each.address}</code>],
              ['TLS', `${each.tls.version} ${each.tls.cipher}${each.tls.resumed ? ', resumed' : ''}`],
              ['Client identifier', <code key="client">{each.clientId}</code>],
              ['In', `${count(each.inMessages)} messages, ${bytes(each.inBytes)}`],
              ['Out', `${count(each.outMessages)} messages, ${bytes(each.outBytes)}`],
              ['Subscriptions', each.subscriptions.length === 0 ? 'none' : each.subscriptions.join(', ')],
            ]}
          />
        ))
      )}
    </Panel>
  )
}

/** What a device is and does, at a glance. */
function Overview({ detail }: { readonly detail: DeviceDetail }) {
  const { device } = detail
  const { authentication } = device
  return (
    <>
      <div className="columns">
        <CertificatePanel detail={detail} />
        <ConnectionPanel connections={detail.connections} />
        <Panel title="Registry">
          <Facts
            pairs={[
              ['Authentication', authenticationText(device)],
              ...(authentication.type === 'selfSigned' && authentication.primaryThumbprint !== null
                ? [
                    [
                      'Primary thumbprint',
                      <code key="p" className="wrap-code">
                        {fingerprint(authentication.primaryThumbprint)}
                      </code>,
                    ] as const,
                  ]
                : []),
              ...(authentication.type === 'selfSigned' && authentication.secondaryThumbprint !== null
                ? [
                    [
                      'Secondary thumbprint',
                      <code key="s" className="wrap-code">
                        {fingerprint(authentication.secondaryThumbprint)}
                      </code>,
                    ] as const,
                  ]
                : []),
              ...(device.statusReason === null || device.statusReason === '' ? [] : [['Status reason', device.statusReason] as const]),
              ['Added', dateTime(device.createdAt)],
              ['Changed', dateTime(device.updatedAt)],
              ['Generation', <code key="generation">{device.generationId}</code>],
            ]}
          />
        </Panel>
      </div>
      <DeviceHistory device={device.id} />
      <Panel title="Connect">
        <details className="more">
          <summary>Host, ports and programs</summary>
          <div className="form">
            <ConnectHelp device={device.id} connection={detail.connection} />
          </div>
        </details>
      </Panel>
    </>
  )
}

/** One device: what it is, its certificate, what it may be told to do, its twin, its messages and its history. */
export function DevicePage() {
  const { id } = useParams({ from: '/app/devices/$id' })
  const { tab } = useSearch({ from: '/app/devices/$id' })
  const navigate = useNavigate({ from: '/devices/$id' })
  const [receipt, setReceipt] = useState<string | null>(null)
  const query = useQuery({ queryKey: ['device', id], queryFn: () => fetchDevice(id), refetchInterval: refreshMs })
  const detail = query.data
  if (detail === undefined)
    return (
      <div className="page">
        <PageHead title={id} lead={<Link to="/devices">Devices</Link>} />
        {receipt === null ? null : <Receipt text={receipt} />}
        {query.error === null ? (
          <Skeleton rows={10} label="Loading the device" />
        ) : (
          <ProblemNote error={query.error} retry={() => void query.refetch()} />
        )}
      </div>
    )
  const { device } = detail
  const who = { device: id, module: undefined }
  return (
    <div className="page">
      <PageHead
        title={id}
        lead={
          <>
            <Link to="/devices">Devices</Link> · <Dot on={detail.connected}>{detail.connected ? 'connected' : 'not connected'}</Dot> ·{' '}
            {device.status === 'enabled' ? 'enabled' : <Badge tone="warn">disabled</Badge>}
          </>
        }
      >
        <DeviceActions device={device} told={setReceipt} />
      </PageHead>
      {receipt === null ? null : <Receipt text={receipt} />}
      <Tabs
        label={`Parts of ${id}`}
        at={tab ?? 'overview'}
        goTo={(chosen) => void navigate({ search: chosen === 'overview' ? {} : { tab: chosen }, replace: true })}
        tabs={[
          { id: 'overview', label: 'Overview', body: <Overview detail={detail} /> },
          { id: 'twin', label: 'Twin', body: <TwinView who={who} /> },
          { id: 'methods', label: 'Methods', body: <MethodsView who={who} /> },
          { id: 'messages', label: 'Messages', body: <MessagesView who={who} /> },
          { id: 'modules', label: 'Modules', body: <ModulesView device={id} /> },
          { id: 'files', label: 'Files', body: <FilesView device={id} /> },
        ]}
      />
    </div>
  )
}

function Receipt({ text }: { readonly text: string }) {
  return (
    <p className="receipt" role="status" data-receipt="">
      <Badge tone="ok">receipt</Badge> {text}
    </p>
  )
}
