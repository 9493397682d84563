import type { Endpoint } from '../api/types.ts'
import { snippets } from '../lib/snippets.ts'
import { CodeBlock, CopyValue } from '../ui/copy.tsx'
import { Badge, Facts } from '../ui/parts.tsx'
import { Tabs } from '../ui/tabs.tsx'

/** Where a device connects, and a program for it in the language of its maker. */
export function ConnectHelp({ device, connection }: { readonly device: string; readonly connection: Endpoint }) {
  return (
    <>
      <Facts
        pairs={[
          ['Host', <CopyValue key="host" text={connection.host} what="host name" />],
          ['Ports', `MQTT ${connection.mqttPort}, MQTT over WebSocket ${connection.httpsPort}`],
          ['Connection string', <CopyValue key="string" text={connection.connectionString} what="connection string" />],
        ]}
      />
      {connection.mqttPort === 8883 ? null : (
        <p className="quiet">
          <Badge tone="warn">port {connection.mqttPort}</Badge> The SDKs always use port 8883: start the hub on it, or forward it, for the
          programs below.
        </p>
      )}
      <Tabs
        label="Language"
        tabs={snippets(device, connection).map((snippet) => ({
          id: snippet.id,
          label: snippet.label,
          body: (
            <>
              <h3 className="hidden">{snippet.label}</h3>
              <CodeBlock text={snippet.install} what={`${snippet.label} preparation`} />
              <CodeBlock text={snippet.code} what={`${snippet.label} program`} />
            </>
          ),
        }))}
      />
    </>
  )
}
