import type { Statement } from '#store'
import type { Device } from './device.ts'
import { type Module, type ModuleAuthentication, maxModulesPerDevice } from './module.ts'

/** Writes a new device. A conflict when there is one of its name. */
export function deviceInsertion(device: Device, sealedKeys: Buffer | null): Statement {
  return {
    sql: `INSERT INTO devices
      (status, status_reason, status_updated_at, auth_type, primary_thumbprint, secondary_thumbprint, etag, updated_at, iot_edge, device_scope,
       parent_scopes, sealed_keys, id, generation_id, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    args: [...changeable(device, sealedKeys), device.id, device.generationId, device.createdAt],
  }
}

/** Puts a device in the place of what it was under `etag`. A conflict when it is that no more. */
export function deviceReplacement(device: Device, sealedKeys: Buffer | null, etag: string): Statement {
  return {
    sql: `UPDATE devices SET status = ?, status_reason = ?, status_updated_at = ?, auth_type = ?, primary_thumbprint = ?, secondary_thumbprint = ?,
      etag = ?, updated_at = ?, iot_edge = ?, device_scope = ?, parent_scopes = ?, sealed_keys = ? WHERE id = ? AND etag = ?`,
    args: [...changeable(device, sealedKeys), device.id, etag],
    expect: 1,
  }
}

/** Takes a device out with its modules. A conflict when it is not what it was under its etag. */
export function deviceDeletion({ id, etag }: Device): readonly Statement[] {
  return [
    { sql: 'DELETE FROM devices WHERE id = ? AND etag = ?', args: [id, etag], expect: 1 },
    { sql: 'DELETE FROM modules WHERE device_id = ?', args: [id] },
  ]
}

/** Writes a new module. A conflict when there is one of its name, when its device is gone, or has as many modules as it may have. */
export function moduleInsertion(module: Module, sealedKeys: Buffer | null): Statement {
  return {
    sql: `INSERT INTO modules (managed_by, auth_type, primary_thumbprint, secondary_thumbprint, sealed_keys, etag, updated_at, device_id, id,
        generation_id, created_at)
      SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
      WHERE EXISTS (SELECT 1 FROM devices WHERE id = ?) AND (SELECT count(*) FROM modules WHERE device_id = ?) < ${maxModulesPerDevice}`,
    args: [
      ...changeableOfModule(module, sealedKeys),
      module.device,
      module.id,
      module.generationId,
      module.createdAt,
      module.device,
      module.device,
    ],
    expect: 1,
  }
}

/** Puts a module in the place of what it was under `etag`. A conflict when it is that no more. */
export function moduleReplacement(module: Module, sealedKeys: Buffer | null, etag: string): Statement {
  return {
    sql: `UPDATE modules SET managed_by = ?, auth_type = ?, primary_thumbprint = ?, secondary_thumbprint = ?, sealed_keys = ?, etag = ?, updated_at = ?
      WHERE device_id = ? AND id = ? AND etag = ?`,
    args: [...changeableOfModule(module, sealedKeys), module.device, module.id, etag],
    expect: 1,
  }
}

/** Takes a module out. A conflict when it is not what it was under its etag. */
export function moduleDeletion({ device, id, etag }: Module): Statement {
  return { sql: 'DELETE FROM modules WHERE device_id = ? AND id = ? AND etag = ?', args: [device, id, etag], expect: 1 }
}

function changeable(device: Device, sealedKeys: Buffer | null): Statement['args'] {
  const { status, statusReason, statusUpdatedAt, etag, updatedAt, capabilities, deviceScope, parentScopes } = device
  return [
    status,
    statusReason,
    statusUpdatedAt,
    ...proof(device.authentication),
    etag,
    updatedAt,
    capabilities.iotEdge ? 1 : 0,
    deviceScope,
    parentScopes.length === 0 ? null : JSON.stringify(parentScopes),
    sealedKeys,
  ]
}

function changeableOfModule(module: Module, sealedKeys: Buffer | null): Statement['args'] {
  return [module.managedBy, ...proof(module.authentication), sealedKeys, module.etag, module.updatedAt]
}

function proof(authentication: ModuleAuthentication): readonly (string | null)[] {
  if (authentication.type === 'selfSigned') return ['selfSigned', authentication.primaryThumbprint, authentication.secondaryThumbprint]
  // The table of devices was made when there were two types; keys beside a self-signed device without thumbprints are the third.
  return [authentication.type === 'sas' ? 'selfSigned' : authentication.type, null, null]
}
