import { type Result, ok, refuse } from '#base'
import { type AmqpError, type AmqpMessage, type Value, encodeMessage, number, textOf } from '#wire/amqp'
import type { Asked, RegistrationReply } from './answers.ts'
import type { RegistrationName } from './names.ts'
import { maxOperationIdLength, parseRegisterBody } from './requests.ts'

/**
 * What a message of a device that registers asks (azure-wire 6.4): its property `iotdps-operation-type` says it. Refuses
 * `gateway/registration-operation`, and a body as {@link parseRegisterBody} does.
 */
export function readAsked(
  { application, data, value }: AmqpMessage,
  { registrationId }: RegistrationName,
  apiVersion: string,
): Result<Asked> {
  switch (textOf(application.get('iotdps-operation-type'))) {
    case 'iotdps-register': {
      const bytes = data.length > 0 ? Buffer.concat(data) : value?.type === 'binary' ? value.value : Buffer.from(textOf(value) ?? '')
      const body = parseRegisterBody(bytes, registrationId)
      if (!body.ok) return body
      const { payload, csr } = body.value
      const forced = application.get('iotdps-forceRegistration')
      return ok({ kind: 'register', request: { payload, csr, force: forced?.type === 'boolean' && forced.value, apiVersion } })
    }
    case 'iotdps-get-operationstatus': {
      const operationId = textOf(application.get('iotdps-operation-id')) ?? ''
      if (operationId === '' || operationId.length > maxOperationIdLength) return no('iotdps-operation-id must name an operation.')
      return ok({ kind: 'operation', operationId })
    }
    case 'iotdps-get-registration':
      return ok({ kind: 'lookup' })
    case undefined:
    default:
      return no('iotdps-operation-type must be iotdps-register, iotdps-get-operationstatus or iotdps-get-registration.')
  }
}

const no = (why: string) => refuse('gateway/registration-operation', why)

/** An answer as a message: to which request, when to ask again, and JSON. */
export function replyMessage({ retryAfterSeconds, body }: RegistrationReply, correlationId: Value | undefined): Buffer {
  return encodeMessage({
    properties: { correlationId, contentType: 'application/json' },
    application: retryAfter(retryAfterSeconds),
    data: [Buffer.from(body, 'ascii')],
  })
}

const conditions: ReadonlyMap<number, string> = new Map([
  [400, 'com.microsoft:argument-error'],
  [401, 'amqp:unauthorized-access'],
  [404, 'amqp:not-found'],
  [429, 'com.microsoft:device-container-throttled'],
])

/** An answer that is none, as why the request was rejected. Its description is what HTTPS has as a body (azure-wire 6.6). */
export function rejection({ status, retryAfterSeconds, body }: RegistrationReply): AmqpError {
  return { condition: conditions.get(status) ?? 'amqp:internal-error', description: body, info: retryAfter(retryAfterSeconds) }
}

const retryAfter = (seconds: number | undefined): ReadonlyMap<string, Value> =>
  new Map(seconds === undefined ? [] : [['retry-after', number('int', seconds)]])
