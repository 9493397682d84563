import { type Clock, type Random, type Refusal, type Result, isoTime, uuid } from '#base'
import type { DeviceProvisioning, Operation, Registrant, RegisterRequest } from '#provisioning'

/** What a device that registers is told, by whichever protocol: the status of HTTP, seconds until it should ask again, and JSON in ASCII. */
export type RegistrationReply = { readonly status: number; readonly retryAfterSeconds?: number | undefined; readonly body: string }

/** What answering takes. */
export type Answering = { readonly clock: Clock; readonly random: Random }

/** Seconds after which to ask again where nobody says otherwise (azure-wire 6.2). */
const pollSeconds = 3

/** Statuses and numbers of the original for our refusals (azure-wire 6.6); its numbers beside 401002 are from documentation alone. [R] */
const rows: ReadonlyMap<string, { readonly status: number; readonly errorCode: number }> = new Map([
  ['provisioning/unauthorized', { status: 401, errorCode: 401_002 }],
  ['provisioning/not-registered', { status: 404, errorCode: 404_201 }],
  ['provisioning/no-such-operation', { status: 404, errorCode: 404_202 }],
  ['provisioning/too-many-attempts', { status: 429, errorCode: 429_001 }],
  ['gateway/registration-rate', { status: 429, errorCode: 429_001 }],
  ['gateway/registration-method', { status: 405, errorCode: 405_000 }],
  ['gateway/registration-failed', { status: 500, errorCode: 500_000 }],
])
/** Everything else is wrong with the request. */
const badRequest = { status: 400, errorCode: 400_000 }

/** A refusal in the words of the original: flat, and one text for whatever is wrong with a credential (azure-wire 6.6). */
export function refusalReply({ clock, random }: Answering, { code, message }: Refusal): RegistrationReply {
  const { status, errorCode } = rows.get(code) ?? badRequest
  const said = status === 401 ? 'Unauthorized' : message
  const body = { errorCode, trackingId: uuid(random), message: said, info: {}, timestampUtc: isoTime(clock.now()) }
  return { status, retryAfterSeconds: status === 429 || status === 500 ? pollSeconds : undefined, body: asciiJson(body) }
}

/** Where an operation stands: 202 as long as the device has to ask again. */
export function operationReply({ operationId, status, registrationState, retryAfterSeconds }: Operation): RegistrationReply {
  const body = asciiJson({ operationId, status, ...(registrationState === undefined ? {} : { registrationState }) })
  return status === 'assigning' ? { status: 202, retryAfterSeconds: retryAfterSeconds ?? pollSeconds, body } : { status: 200, body }
}

/** What a proven device asks. */
export type Asked =
  | { readonly kind: 'register'; readonly request: RegisterRequest }
  | { readonly kind: 'operation'; readonly operationId: string }
  | { readonly kind: 'lookup' }

/** Asks for it and says what came of it. Never rejects: what breaks is told to `trouble`, and the device to come again. */
export async function answerRegistrant(
  answering: Answering & { trouble(error: unknown): void },
  provisioning: DeviceProvisioning,
  registrant: Registrant,
  asked: Asked,
): Promise<RegistrationReply> {
  try {
    if (asked.kind === 'lookup')
      return replyOf(answering, await provisioning.lookup(registrant), (found) => ({ status: 200, body: asciiJson(found) }))
    const found =
      asked.kind === 'register'
        ? await provisioning.register(registrant, asked.request)
        : await provisioning.operation(registrant, asked.operationId)
    return replyOf(answering, found, operationReply)
  } catch (error) {
    answering.trouble(error)
    return refusalReply(answering, { code: 'gateway/registration-failed', message: 'The hub could not do this now. Try again.' })
  }
}

function replyOf<T>(answering: Answering, found: Result<T>, yes: (value: T) => RegistrationReply): RegistrationReply {
  return found.ok ? yes(found.value) : refusalReply(answering, found.error)
}

/** JSON whose every character is ASCII: Node's client reads bytes as such (azure-wire 6.2). */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
