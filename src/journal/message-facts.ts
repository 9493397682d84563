import { flag, nullable, number, object, oneOf, text } from './shape.ts'

/*
 * What happens to messages for devices, to method calls and to uploaded files. The rows of the store are the truth; these facts are for timelines and
 * routes. `sequenceNumber` names a message in all of the hub's life.
 */

const message = { device: text, messageId: nullable(text), sequenceNumber: number }

/** Facts of messages, methods and files: see facts.ts for the rules. */
export const messageFactShapes = {
  /** A back end put a message in a queue. `expiresAt` in milliseconds since the epoch. */
  'c2d-enqueued': object({ ...message, actor: text, bytes: number, expiresAt: number }, {}),
  /** The device took it. `deliveryCount`: how often it was handed out before in vain. */
  'c2d-completed': object({ ...message, deliveryCount: number }, {}),
  /** The message was given up. */
  'c2d-dead-lettered': object({ ...message, deliveryCount: number, reason: oneOf('expired', 'rejected', 'delivery-count') }, {}),
  /** An operator or a back end emptied a queue of what waited. */
  'c2d-purged': object({ device: text, actor: text, count: number }, {}),
  /** A direct method was called. `status` is the device's answer; null: none came, and `code` is the refusal. */
  'method-called': object(
    { device: text, actor: text, method: text, status: nullable(number), code: nullable(text), durationMs: number },
    {},
  ),
  /** A device was given a place to upload a file to. */
  'file-upload-started': object({ device: text, correlationId: text, blobName: text }, {}),
  /** A device said how its upload ended. `bytes` is null when the hub saw no file. */
  'file-uploaded': object({ device: text, correlationId: text, blobName: text, bytes: nullable(number), succeeded: flag }, {}),
  /** What waited for services was given up: nobody took it in time, or too often in vain. */
  'service-messages-dropped': object(
    { queue: oneOf('feedback', 'file-notifications'), reason: oneOf('expired', 'rejected', 'delivery-count', 'full'), count: number },
    {},
  ),
} as const
