import type { Refusal } from '#base'
import type { AmqpError } from '#wire/amqp'
import { azureError } from '#wire/azure'

const conditions: ReadonlyMap<number, string> = new Map([
  [403_001, 'com.microsoft:iot-hub-suspended'],
  [403_002, 'com.microsoft:quota-exceeded'],
  [401_001, 'com.microsoft:iot-hub-not-found-error'],
  [409_001, 'com.microsoft:device-already-exists'],
  [412_002, 'com.microsoft:message-lock-lost'],
  [503_005, 'com.microsoft:server-busy'],
])

const byStatus: ReadonlyMap<number, string> = new Map([
  [400, 'com.microsoft:argument-error'],
  [401, 'amqp:unauthorized-access'],
  [403, 'amqp:resource-limit-exceeded'],
  [404, 'amqp:not-found'],
  [405, 'amqp:not-allowed'],
  [408, 'com.microsoft:timeout'],
  [412, 'com.microsoft:precondition-failed'],
  [413, 'amqp:link:message-size-exceeded'],
  [429, 'com.microsoft:device-container-throttled'],
  [504, 'com.microsoft:timeout'],
])

/** What is refused by the doors for devices themselves. */
const own: ReadonlyMap<string, string> = new Map([
  ['gateway/amqp-address-unknown', 'amqp:not-found'],
  ['gateway/amqp-role', 'amqp:not-allowed'],
  ['gateway/amqp-unauthorized', 'amqp:unauthorized-access'],
  ['gateway/amqp-denied', 'amqp:unauthorized-access'],
  ['gateway/amqp-token-scope', 'amqp:unauthorized-access'],
  ['gateway/amqp-too-many-tokens', 'amqp:resource-limit-exceeded'],
  ['gateway/amqp-too-many-identities', 'amqp:resource-limit-exceeded'],
  ['gateway/events-stolen', 'amqp:link:stolen'],
  ['gateway/events-too-many-readers', 'amqp:resource-limit-exceeded'],
  ['gateway/busy', 'com.microsoft:server-busy'],
  ['gateway/message-too-large', 'amqp:link:message-size-exceeded'],
  ['gateway/telemetry-denied', 'amqp:unauthorized-access'],
  ['gateway/operation-denied', 'amqp:unauthorized-access'],
  ['access/denied', 'amqp:unauthorized-access'],
])

/** A refusal of ours as an error of AMQP, in the words of IoT Hub (azure-wire 4.5). Its detail stays here. */
export function amqpError(refusal: Refusal): AmqpError {
  return { condition: conditionOf(refusal), description: refusal.message }
}

function conditionOf(refusal: Refusal): string {
  const { code, status } = azureError(refusal)
  return own.get(refusal.code) ?? conditions.get(code) ?? byStatus.get(status) ?? 'amqp:internal-error'
}

/** What a put-token is answered: 401 for whoever is not known, other numbers where the token is not to blame. */
export function statusOf(refusal: Refusal): number {
  if (refusal.code === 'gateway/amqp-too-many-tokens') return 403
  const { status } = azureError(refusal)
  return status === 404 || status === 400 ? 401 : status
}
