import { type Refusal, isoTime, uuid } from '#base'
import { type AzureError, azureError, azureErrorNamed } from '#wire/azure'
import type { Desk } from '../desk.ts'

/** A refusal as a device reads it over MQTT (azure-wire 2.9): a status for the topic, and a body, without which Node takes the answer for a success. */
export type OperationError = { readonly status: number; readonly body: Buffer }

/** What a device is told of a refusal. */
export function operationError(desk: Desk, refusal: Refusal): OperationError {
  return errorOf(desk, azureError(refusal), refusal.message)
}

/** What it is told when something broke. The log knows what. */
export function operationFault(desk: Desk): OperationError {
  return errorOf(desk, azureErrorNamed('ServerError'), 'The hub could not do this now. Try again.')
}

function errorOf({ ports }: Desk, { code, status }: AzureError, message: string): OperationError {
  const told = { errorCode: code, message, trackingId: uuid(ports.random), timestampUtc: isoTime(ports.clock.now()) }
  return { status, body: Buffer.from(JSON.stringify(told)) }
}
