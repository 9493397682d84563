import type { Statement } from '#store'
import type { DeviceId } from '#base'
import type { FileNotification, FileNotificationQueue } from './cloud-to-device.ts'
import type { FileSettings, Files } from './file.ts'
import { filesOff } from './file-off.ts'
import { type FilePorts, fileQueue, openFiles, parseFileNotification } from './file-uploads.ts'
import { openServiceQueue, serviceQueueDefaults } from './queue-service.ts'

/** Where files of devices go, as a hub is told: disk and key of its own store, how devices reach it, and what is settled. */
export type HubFiles = Pick<FilePorts, 'disk' | 'key' | 'localHost' | 'blobOf'> & { readonly settings: FileSettings }

/** Files and the notifications of them. `removing` and `removed` as of `OpenedMessages`. */
export type OpenedFilePart = Disposable & {
  readonly files: Files
  readonly fileNotifications: FileNotificationQueue
  readonly removing: (identity: DeviceId) => readonly Statement[]
  readonly removed: (identity: DeviceId) => void
}

/** Opens the files of a hub, or none where it was not told of a place for them. Throws Faults of the store and of the disk. */
export async function openFilePart(
  ports: Omit<FilePorts, 'notifications' | 'disk' | 'key' | 'localHost' | 'blobOf'>,
  place: HubFiles | undefined,
  signal: AbortSignal,
): Promise<OpenedFilePart> {
  using scope = new DisposableStack()
  const { queue, queues } = await openServiceQueue<FileNotification, 'file.notifications'>(
    'file',
    fileQueue,
    ports,
    serviceQueueDefaults,
    parseFileNotification,
    Number,
  )
  scope.use(queues)
  const opened =
    place === undefined ? undefined : scope.use(await openFiles({ ...ports, ...place, notifications: queues }, place.settings, signal))
  const held = scope.move()
  return {
    files: opened?.files ?? filesOff,
    fileNotifications: queue,
    removing: (identity) => opened?.removing(identity) ?? [],
    removed: (identity) => opened?.removed(identity),
    [Symbol.dispose]: () => held.dispose(),
  }
}
