import { type Grant, identityParts } from '#base'
import { configurationJson } from './configuration-json.ts'
import type { Configurations } from './configuration.ts'
import { type JsonObject, authenticationToAzureJson } from './device-authentication-json.ts'
import type { Device } from './device.ts'
import type { Module } from './module.ts'
import type { ModuleRegistry } from './module-registry.ts'
import type { Registry } from './registry.ts'
import type { SharedKeys } from './shared-keys.ts'
import { type Enrollment, splitKeys } from './transfer-enrollment.ts'
import type { ExportLine, ImportReadGrants } from './transfer.ts'
import { sectionJson } from './twin-json.ts'
import type { Twins } from './twin.ts'

/** Where an export looks. */
export type ExportPorts = {
  readonly devices: Registry
  readonly modules: ModuleRegistry
  readonly twins: Twins
  readonly configurations: Configurations
  enrollments(): AsyncIterable<Enrollment>
}

/** Devices of one batch of lines. */
const batchDevices = 200

/** Everything that an import reads: see {@link Transfer.export}. Devices that come or go meanwhile may be in it or not. */
export async function* exportLines(
  ports: ExportPorts,
  grants: ImportReadGrants,
  keys: Grant<'device.write'> | undefined,
): AsyncGenerator<readonly ExportLine[]> {
  for (let after: string | undefined; ;) {
    const page = ports.devices.list(grants.devices, { after, limit: batchDevices })
    const lines: ExportLine[] = []
    for (const device of page.devices) {
      lines.push(...(await identityLines(ports, device, keys === undefined ? undefined : ports.devices.sharedKeys(device.id))))
      for (const module of ports.modules.of(device.id))
        lines.push(...(await identityLines(ports, module, keys === undefined ? undefined : ports.modules.sharedKeys(module.identity))))
    }
    if (lines.length > 0) yield lines
    if (page.next === null) break
    after = page.next
  }
  const configurations = ports.configurations.list(grants.configurations)
  yield configurations.map((one) => ({ file: 'configurations', value: configurationJson(one) }))
  for await (const { kind, id, body } of ports.enrollments()) {
    const { open, keys: held } = splitKeys(body)
    const lines: ExportLine[] = [{ file: kind === 'individual' ? 'enrollments' : 'enrollmentGroups', value: open }]
    if (keys !== undefined && held !== undefined) lines.push({ file: 'keys', value: { kind, id, symmetricKey: held } })
    yield lines
  }
}

async function identityLines(ports: ExportPorts, of: Device | Module, keys: SharedKeys | undefined): Promise<readonly ExportLine[]> {
  const identity = 'identity' in of ? of.identity : of.id
  const { device, module } = identityParts(identity)
  const names = module === undefined ? { id: device } : { id: device, moduleId: module }
  const twin = await ports.twins.get(identity)
  const { symmetricKey, ...proof } = authenticationToAzureJson(of.authentication, keys)
  const whole: JsonObject = {
    ...names,
    eTag: of.etag,
    ...('identity' in of
      ? { managedBy: of.managedBy }
      : {
          status: of.status,
          statusReason: of.statusReason,
          capabilities: { iotEdge: of.capabilities.iotEdge },
          deviceScope: of.deviceScope,
          parentScopes: of.parentScopes,
        }),
    authentication: proof,
    ...(twin === undefined
      ? {}
      : {
          twinETag: twin.etag,
          tags: twin.tags,
          properties: { desired: sectionJson(twin.desired), reported: sectionJson(twin.reported) },
        }),
  }
  const line: ExportLine = { file: 'devices', value: whole }
  if (keys === undefined || of.authentication.type !== 'sas') return [line]
  return [line, { file: 'keys', value: { kind: module === undefined ? 'device' : 'module', ...names, symmetricKey: symmetricKey ?? null } }]
}
