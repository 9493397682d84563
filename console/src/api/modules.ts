import { client, take } from './client.ts'
import type { AddedModule, Module, ModuleInput, Modules } from './types.ts'

/** The modules of a device. */
export const fetchModules = (id: string): Promise<Modules> => take(client.GET('/api/v1/devices/{id}/modules', { params: { path: { id } } }))

/** One module. */
export const fetchModule = (id: string, module: string): Promise<Module> =>
  take(client.GET('/api/v1/devices/{id}/modules/{module}', { params: { path: { id, module } } }))

/** Adds a module. Its connection string is in this answer only. */
export const addModule = (id: string, body: ModuleInput): Promise<AddedModule> =>
  take(client.POST('/api/v1/devices/{id}/modules', { params: { path: { id } }, body }))

/** Deletes a module and ends its sessions. */
export const deleteModule = (id: string, module: string) =>
  take(client.DELETE('/api/v1/devices/{id}/modules/{module}', { params: { path: { id, module } } }))
