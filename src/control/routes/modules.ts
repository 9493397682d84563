import { type Static, Type } from 'typebox'
import { type Result, type Secret, identityOf, isoTime, ok, parseDeviceId, parseModuleId } from '#base'
import { type Module, type ModuleAuthentication, parseAuthentication } from '#hub'
import { closed, modulePath, orNull, text } from '../hub-schema.ts'
import { etagOf, registeredIdentity, showEtag } from '../identities.ts'
import type { ControlConfig, ControlPorts } from '../ports.ts'
import { keepReceipt } from '../receipts.ts'
import { type Route, bare, route } from '../route.ts'
import { authentication, closeReceipt, devicePath, time } from '../schema.ts'
import { receiptView } from '../views.ts'
import type { Parts } from './parts.ts'

const thumbprint = Type.Optional(orNull(Type.String({ maxLength: 200 })))
const input = Type.Object(
  {
    type: Type.Enum(['none', 'certificateAuthority', 'selfSigned', 'sas']),
    primaryThumbprint: thumbprint,
    secondaryThumbprint: thumbprint,
  },
  { ...closed, title: 'ModuleAuthenticationInput' },
)
const managedBy = Type.Optional(orNull(Type.String({ maxLength: 128 })))

const module_ = Type.Object(
  {
    device: text,
    id: text,
    generationId: text,
    etag: text,
    managedBy: orNull(text),
    authentication: Type.Union([authentication, Type.Object({ type: Type.Literal('none') }, closed)]),
    connected: Type.Boolean(),
    createdAt: time,
    updatedAt: time,
  },
  { ...closed, title: 'Module' },
)
const moduleInput = Type.Object({ id: text, authentication: Type.Optional(input), managedBy }, { ...closed, title: 'ModuleInput' })
const modulePatch = Type.Object({ authentication: Type.Optional(input), managedBy }, { ...closed, title: 'ModulePatch' })
const added = Type.Object({ module: module_, connectionString: orNull(text) }, { ...closed, title: 'AddedModule' })
const changed = Type.Object({ module: module_, receipt: Type.Optional(closeReceipt) }, { ...closed, title: 'ChangedModule' })

const ofDevice = ({ id }: { readonly id: string }) => `device:${id}`
const ofModule = ({ id, module }: { readonly id: string; readonly module: string }) => `device:${id}/${module}`

/** Modules of devices. */
export function moduleRoutes({ ports, config }: Parts): readonly Route[] {
  const { modules } = ports.hub
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/devices/{id}/modules',
      summary: 'The modules of a device: at most 50.',
      access: { grants: ['device.read'] },
      resource: ofDevice,
      params: devicePath,
      answer: {
        status: 200,
        is: Type.Object({ modules: Type.Array(module_) }, { ...closed, title: 'Modules' }),
        description: 'The modules, by id.',
      },
      handle(call) {
        const device = registeredIdentity(ports, call.params)
        return device.ok ? ok({ modules: modules.of(device.value).map((one) => moduleView(ports, one)) }) : device
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/devices/{id}/modules',
      summary: 'Adds a module. Unless said, it has no proof of its own: its device connects for it.',
      access: { grants: ['device.write'] },
      resource: ofDevice,
      params: devicePath,
      body: moduleInput,
      answer: { status: 201, is: added, description: 'Added. The connection string of shared keys is in this answer only.' },
      async handle(call) {
        const device = parseDeviceId(call.params.id)
        if (!device.ok) return device
        const id = parseModuleId(call.body.id)
        if (!id.ok) return id
        const proof = authenticationOf(call.body.authentication)
        if (!proof.ok) return proof
        const spec = { device: device.value, id: id.value, authentication: proof.value, managedBy: call.body.managedBy }
        const made = await modules.add(call.grant('device.write'), spec)
        if (!made.ok) return made
        showEtag(call, made.value.etag)
        const keys = proof.value.type === 'sas' ? modules.sharedKeys(identityOf(device.value, id.value)) : undefined
        return ok({ module: moduleView(ports, made.value), connectionString: connectionString(config, made.value, keys?.primary) })
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/devices/{id}/modules/{module}',
      summary: 'One module.',
      access: { grants: ['device.read'] },
      resource: ofModule,
      params: modulePath,
      answer: { status: 200, is: module_, description: 'The module.' },
      handle(call) {
        const identity = registeredIdentity(ports, call.params)
        if (!identity.ok) return identity
        const found = modules.find(identity.value)
        if (found === undefined) throw new Error('bug: a registered module is not there')
        showEtag(call, found.etag)
        return ok(moduleView(ports, found))
      },
    }),
    route({
      ...bare,
      method: 'PATCH',
      path: '/api/v1/devices/{id}/modules/{module}',
      summary: 'Changes a module; with If-Match only if it is still the one that was read.',
      access: { grants: ['device.write'] },
      resource: ofModule,
      params: modulePath,
      body: modulePatch,
      answer: { status: 200, is: changed, description: 'Changed. Sessions that this ended are in the receipt.' },
      async handle(call) {
        const identity = registeredIdentity(ports, call.params)
        if (!identity.ok) return identity
        const proof = call.body.authentication === undefined ? undefined : authenticationOf(call.body.authentication)
        if (proof !== undefined && !proof.ok) return proof
        const patch = { managedBy: call.body.managedBy, authentication: proof?.value }
        const grant = call.grant('device.write')
        const updated = await modules.update(grant, identity.value, patch, etagOf(call.header('if-match')))
        if (!updated.ok) return updated
        const { module, receipt } = updated.value
        showEtag(call, module.etag)
        if (receipt === null) return ok({ module: moduleView(ports, module) })
        await keepReceipt(ports, grant, identity.value, 'credential', receipt)
        return ok({ module: moduleView(ports, module), receipt: receiptView(receipt) })
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/devices/{id}/modules/{module}',
      summary: 'Deletes a module and ends its sessions.',
      access: { grants: ['device.delete'] },
      resource: ofModule,
      params: modulePath,
      answer: {
        status: 200,
        is: Type.Object({ receipt: closeReceipt }, { ...closed, title: 'ModuleReceipt' }),
        description: 'Deleted.',
      },
      async handle(call) {
        const identity = registeredIdentity(ports, call.params)
        if (!identity.ok) return identity
        const grant = call.grant('device.delete')
        const removed = await modules.remove(grant, identity.value, etagOf(call.header('if-match')))
        if (!removed.ok) return removed
        await keepReceipt(ports, grant, identity.value, 'deleted', removed.value)
        return ok({ receipt: receiptView(removed.value) })
      },
    }),
  ]
}

function moduleView({ hub }: Pick<ControlPorts, 'hub'>, one: Module): Static<typeof module_> {
  const { device, id, generationId, etag } = one
  return {
    device,
    id,
    generationId,
    etag,
    managedBy: one.managedBy,
    authentication: { ...one.authentication },
    connected: hub.presence.of(one.identity).connectionState === 'Connected',
    createdAt: isoTime(one.createdAt),
    updatedAt: isoTime(one.updatedAt),
  }
}

function authenticationOf(said: Static<typeof input> = { type: 'none' }): Result<ModuleAuthentication> {
  const { type, primaryThumbprint, secondaryThumbprint } = said
  if (type === 'none') return ok({ type })
  return parseAuthentication({ type, primaryThumbprint, secondaryThumbprint })
}

/** What goes into the settings of a stock SDK; null for a module that cannot connect by itself. With `key` the string holds it. */
function connectionString({ hostNames }: ControlConfig, { device, id, authentication: { type } }: Module, key?: Secret): string | null {
  if (type === 'none') return null
  const proof = key === undefined ? 'x509=true' : `SharedAccessKey=${key.use((bytes) => bytes.toString('base64'))}`
  return `HostName=${hostNames[0] ?? 'localhost'};DeviceId=${device};ModuleId=${id};${proof}`
}
