import type { Grant, Instant } from '#base'
import { identityOf } from '#base'
import type { FactOf } from '#journal'
import type { Module, ModuleSpec } from './module.ts'
import { type RegistryPorts, actorOf, newEtag, newGenerationId } from './registry-state.ts'

/** A module as it will be when it is durable. */
export function newModule(ports: RegistryPorts, { device, id, authentication, managedBy }: ModuleSpec): Module {
  const now = ports.clock.now()
  return Object.freeze({
    identity: identityOf(device, id),
    device,
    id,
    generationId: newGenerationId(ports),
    etag: newEtag(ports),
    managedBy: managedBy ?? null,
    authentication,
    createdAt: now,
    updatedAt: now,
  })
}

/** The fact that a module was made. */
export function moduleCreated(module: Module, grant: Grant): FactOf<'module-created'> {
  return { kind: 'module-created', time: module.createdAt, ...registrationOf(module, grant) }
}

/** The fact that a module was deleted, by itself or with its device. */
export function moduleDeleted(module: Module, grant: Grant, time: Instant): FactOf<'module-deleted'> {
  return { kind: 'module-deleted', time, ...registrationOf(module, grant) }
}

function registrationOf({ identity, generationId, etag }: Module, grant: Grant) {
  return { device: identity, actor: actorOf(grant), generation: generationId, etag }
}
