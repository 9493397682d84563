import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { HubProcess } from '../hub.ts'

/** A real hub that takes shared keys and shared access policies for a while, as one does who moves in from IoT Hub. */
export type AmqpHub = AsyncDisposable & {
  readonly hub: HubProcess
  /** Connection strings of back ends: for the service SDK, for Event Hubs clients, and of one that may do neither. */
  readonly service: string
  readonly events: string
  readonly reader: string
  /** Adds a device with shared keys and gives its connection string. */
  addKeyedDevice(id: string): Promise<string>
}

/**
 * Opens it. Clients of Azure's SDKs for back ends have no way to be told whom to trust, so this process trusts the hub's root from here on. For
 * WebSocket the hub has port 443, which SDKs insist on, by a name and not an address, which their old WebSocket library takes for one; undefined
 * where it cannot be had.
 */
export async function openAmqpHub(withWebSocket = false): Promise<AmqpHub | undefined> {
  const until = new Date(Date.now() + 86_400_000).toISOString().replace(/\.\d+/, '')
  const settings = [
    'broker: {deniedDelaySeconds: 0}',
    `authentication: {sas: {allowedUntil: '${until}'}}`,
    `services: {sharedAccessPolicies: {allowedUntil: '${until}'}}`,
    '',
  ].join('\n')
  const where = { arguments: ['--name', 'localhost'], ...(withWebSocket ? { ports: { https: 443 } } : {}) }
  const hub = await HubProcess.open({ settings, ...where }).catch((error: unknown) => {
    if (withWebSocket && /privileged|port-taken/.test(String(error))) return undefined
    throw error
  })
  if (hub === undefined) return undefined
  setDefaultCACertificates([...getCACertificates('default'), hub.rootPem])
  const name = withWebSocket ? 'localhost' : `localhost:${hub.ports.amqp}`
  const policy = async (keyName: string, rights: readonly string[]) => {
    const made = await hub.api('POST', '/api/v1/shared-access-policies', { name: keyName, rights, until })
    if (made.status !== 201) throw new Error(`a policy: ${made.status} ${made.text}`)
    return String(made.json['primaryKey'])
  }
  const serviceKey = await policy('back', ['ServiceConnect'])
  const readerKey = await policy('reader', ['RegistryRead'])
  return {
    hub,
    service: `HostName=${name};SharedAccessKeyName=back;SharedAccessKey=${serviceKey}`,
    reader: `HostName=${name};SharedAccessKeyName=reader;SharedAccessKey=${readerKey}`,
    events: `Endpoint=sb://${name}/;SharedAccessKeyName=back;SharedAccessKey=${serviceKey};EntityPath=messages/events`,
    async addKeyedDevice(id) {
      const made = await hub.api('POST', '/api/v1/devices', { id, authentication: { type: 'sas' } })
      if (made.status !== 201) throw new Error(`adding ${id}: ${made.status} ${made.text}`)
      const [, key = ''] = /SharedAccessKey=(.*)$/.exec(String(Object(made.json['connection']).connectionString)) ?? []
      return `HostName=${name};DeviceId=${id};SharedAccessKey=${key}`
    },
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  }
}
