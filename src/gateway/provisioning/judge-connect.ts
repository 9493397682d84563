import { type Result, fail, ok } from '#base'
import type { Registrant } from '#provisioning'
import { type ConnectPacket, reasonCodes } from '#wire/mqtt'
import { type Ticket, serverBusy } from '../admission.ts'
import type { Desk } from '../desk.ts'
import type { NotOpened } from '../opening.ts'
import type { Transport } from '../transport.ts'
import { type RegistrationUserName, parseRegistrationUserName } from './names.ts'

/** A device that has proven that it may register, and how it named itself. */
export type Registering = { readonly registrant: Registrant; readonly name: RegistrationUserName }

/**
 * Judges a CONNECT whose user name is that of a device that registers (azure-wire 6.2): room first, then what no such device sends, then its proof.
 * Undefined: it is for the hub. Nothing is changed here but what provisioning counts.
 */
export function judgeRegistration(
  connect: ConnectPacket,
  transport: Transport,
  desk: Desk,
  ticket: Ticket,
): Promise<Result<Registering, NotOpened>> | undefined {
  const { provisioning } = desk.ports
  if (provisioning === undefined || connect.username === undefined) return undefined
  const name = parseRegistrationUserName(connect.username, provisioning.idScope)
  if (name === undefined) return undefined
  const unfit = unfitness(connect, name, transport, desk, ticket)
  if (unfit !== undefined) return Promise.resolve(fail(unfit))
  const { idScope, registrationId } = name
  // What the reader lends is overwritten by the next bytes: text is a copy.
  const password = connect.password?.toString('utf8') ?? ''
  const token = password === '' ? undefined : password
  return provisioning
    .authenticate({ idScope, registrationId, token, certificates: transport.certificates(), address: transport.address })
    .then((proven) => {
      if (proven.ok) return ok({ registrant: proven.value, name })
      const isTooMany = proven.error.code === 'provisioning/too-many-attempts'
      return fail({ ...proven.error, reasonCode: reasonCodes[isTooMany ? 'connection-rate-exceeded' : 'not-authorized'] })
    })
}

function unfitness(
  connect: ConnectPacket,
  { registrationId }: RegistrationUserName,
  transport: Transport,
  desk: Desk,
  ticket: Ticket,
): NotOpened | undefined {
  if (ticket.late !== undefined) return ticket.late
  if (!desk.overload.takesConnections && !transport.isProbe) return serverBusy
  if (connect.clientId.toLowerCase() !== registrationId.toLowerCase())
    return {
      code: 'gateway/registration-client-id',
      message: 'The client identifier of a device that registers is its registration id.',
      reasonCode: reasonCodes['client-identifier-not-valid'],
    }
  if (connect.will !== undefined)
    return {
      code: 'gateway/registration-denied',
      message: 'A device that registers has no will.',
      reasonCode: reasonCodes['not-authorized'],
    }
  if (connect.properties?.authenticationMethod !== undefined)
    return {
      code: 'gateway/enhanced-authentication',
      message: 'Nothing here judges this Authentication Method.',
      reasonCode: reasonCodes['bad-authentication-method'],
    }
  return undefined
}
