import { type DeviceId, identityOf, parseModuleId } from '#base'
import type { Row } from '#store'
import type { Json } from '#wire/json'
import type { ModuleAuthentication } from './module.ts'
import { idOfRow, optionalInstantOf, optionalTextOf, textOf, textsOf } from './registry-columns.ts'
import { serviceTwinJson } from './twin-json.ts'
import { twinOf } from './twin-rows.ts'

/** The identity of a row of devices or modules, read with the columns of its source (query-source.ts). */
export function identityOfRow(row: Row): DeviceId {
  const device = idOfRow(row, 'device_id')
  const written = optionalTextOf(row, 'module_id')
  const module = written === null ? undefined : parseModuleId(written)
  if (module !== undefined && !module.ok) throw new Error(`bug: the registry holds a module id that is none: ${module.error.message}`)
  return identityOf(device, module?.value)
}

/** A row of devices or modules as a twin of azure-wire 5.2: as the REST interface shows it, of columns instead of what memory holds. */
export function twinRowToJson(row: Row): Json {
  const identity = identityOfRow(row)
  const isDevice = row['module_id'] === null
  const scopes = textsOf(row, 'parent_scopes')
  return serviceTwinJson(twinOf(identity, row), {
    etag: textOf(row, 'etag'),
    status: textOf(row, 'status') === 'enabled' ? 'enabled' : 'disabled',
    statusReason: optionalTextOf(row, 'status_reason'),
    statusUpdatedAt: optionalInstantOf(row, 'status_updated_at'),
    authentication: authenticationOfRow(row),
    presence: {
      connectionState: row['connected'] === 1 ? 'Connected' : 'Disconnected',
      connectionStateUpdatedTime: optionalInstantOf(row, 'connection_updated_at'),
      lastActivityTime: optionalInstantOf(row, 'last_activity_at'),
    },
    messages: Number(row['waiting']),
    device: isDevice
      ? { capabilities: { iotEdge: row['iot_edge'] === 1 }, deviceScope: optionalTextOf(row, 'device_scope'), parentScopes: scopes }
      : undefined,
  })
}

function authenticationOfRow(row: Row): ModuleAuthentication {
  const type = textOf(row, 'authentication')
  if (type === 'sas' || type === 'none') return { type }
  if (type !== 'selfSigned') return { type: 'certificateAuthority' }
  return {
    type,
    primaryThumbprint: optionalTextOf(row, 'primary_thumbprint'),
    secondaryThumbprint: optionalTextOf(row, 'secondary_thumbprint'),
  }
}
