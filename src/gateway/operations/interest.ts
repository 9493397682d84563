import { type DeviceId, identityParts } from '#base'
import type { Session } from '#broker'
import { isMessageFilter, operationFilters } from '#wire/azure'

/** Which of IoT Hub's filters a session has: what its client wants to be told. */
export type Interest = {
  readonly desired: boolean
  readonly methods: boolean
  /** The filter for messages to the device, as the client wrote it. */
  readonly messages: string | undefined
}

const nothing: Interest = { desired: false, methods: false, messages: undefined }

/** What the client of this session wants to be told. Cheap where it wants nothing; asked when a session begins and when its subscriptions change. */
export function interestOf(session: Session): Interest {
  const { subscriptions, owner } = session
  if (subscriptions.size === 0) return nothing
  const messages = messageFilter(subscriptions.keys(), owner)
  return { desired: subscriptions.has(operationFilters.desired), methods: subscriptions.has(operationFilters.methods), messages }
}

/** Whether there is nothing that the client wants to be told. */
export function wantsNothing({ desired, methods, messages }: Interest): boolean {
  return !desired && !methods && messages === undefined
}

function messageFilter(filters: Iterable<string>, owner: DeviceId): string | undefined {
  const { device, module } = identityParts(owner)
  for (const filter of filters) if (isMessageFilter(filter, device, module)) return filter
  return undefined
}
