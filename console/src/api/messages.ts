import { client, given, take } from './client.ts'
import type { FilePage, MessageInput, MessageQueue } from './types.ts'
import type { Who } from './who.ts'

/** Puts a message in a queue; answers with its number when it is durable. */
export const sendMessage = ({ device: id, module }: Who, body: MessageInput): Promise<{ sequenceNumber: number }> =>
  module === undefined
    ? take(client.POST('/api/v1/devices/{id}/messages', { params: { path: { id } }, body }))
    : take(client.POST('/api/v1/devices/{id}/modules/{module}/messages', { params: { path: { id, module } }, body }))

/** What waits in a queue, oldest first. */
export const fetchQueue = ({ device: id, module }: Who): Promise<MessageQueue> =>
  module === undefined
    ? take(client.GET('/api/v1/devices/{id}/messages', { params: { path: { id } } }))
    : take(client.GET('/api/v1/devices/{id}/modules/{module}/messages', { params: { path: { id, module } } }))

/** Empties a queue of what waits. */
export const purgeQueue = ({ device: id, module }: Who): Promise<{ purged: number }> =>
  module === undefined
    ? take(client.DELETE('/api/v1/devices/{id}/messages', { params: { path: { id } } }))
    : take(client.DELETE('/api/v1/devices/{id}/modules/{module}/messages', { params: { path: { id, module } } }))

/** A page of the files that a device has uploaded. */
export const fetchFiles = (device: string, after: string | undefined): Promise<FilePage> =>
  take(client.GET('/api/v1/files', { params: { query: given({ device, after, limit: 50 }) } }))

/** Deletes a file. */
export async function deleteFile(name: string): Promise<void> {
  await take(client.DELETE('/api/v1/files', { params: { query: { name } } }))
}
