import { client, given, take } from './client.ts'
import type { MethodAnswer, MethodCall, Twin, TwinHistory, TwinPatch } from './types.ts'
import type { Who } from './who.ts'

/** The twin of a device or a module. */
export const fetchTwin = ({ device: id, module }: Who): Promise<Twin> =>
  module === undefined
    ? take(client.GET('/api/v1/devices/{id}/twin', { params: { path: { id } } }))
    : take(client.GET('/api/v1/devices/{id}/modules/{module}/twin', { params: { path: { id, module } } }))

/** Merges into tags and desired properties, if the twin is still the one with that etag. */
export function patchTwin({ device: id, module }: Who, body: TwinPatch, etag: string): Promise<Twin> {
  const headers = { 'if-match': `"${etag}"` }
  return module === undefined
    ? take(client.PATCH('/api/v1/devices/{id}/twin', { params: { path: { id } }, body, headers }))
    : take(client.PATCH('/api/v1/devices/{id}/modules/{module}/twin', { params: { path: { id, module } }, body, headers }))
}

/** Changes of a twin, newest first, before an offset. A page may be short and still name a `next`. */
export function fetchTwinHistory({ device: id, module }: Who, before: number | undefined, limit: number): Promise<TwinHistory> {
  const query = given({ before, limit })
  return module === undefined
    ? take(client.GET('/api/v1/devices/{id}/twin/history', { params: { path: { id }, query } }))
    : take(client.GET('/api/v1/devices/{id}/modules/{module}/twin/history', { params: { path: { id, module }, query } }))
}

/** Calls a direct method and waits for the answer. */
export const callMethod = ({ device: id, module }: Who, body: MethodCall): Promise<MethodAnswer> =>
  module === undefined
    ? take(client.POST('/api/v1/devices/{id}/methods', { params: { path: { id } }, body }))
    : take(client.POST('/api/v1/devices/{id}/modules/{module}/methods', { params: { path: { id, module } }, body }))
