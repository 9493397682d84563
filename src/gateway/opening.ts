import type { Principal, Refused } from '#access'
import { type Refusal, type Result, Secret, fail, ok, uuid } from '#base'
import { type ConnackPacket, type ConnectPacket, type ProtocolVersion, encode, reasonCodes } from '#wire/mqtt'
import { type Ticket, serverBusy } from './admission.ts'
import type { Desk } from './desk.ts'
import type { ListenerLimits } from './listener-limits.ts'
import { TopicVerdicts } from './topic-verdict.ts'
import type { Transport } from './transport.ts'

/** A CONNECT that may become a session: proven, authorized, and with what was agreed. */
export type Opening = {
  readonly principal: Principal
  readonly clientId: string
  readonly verdicts: TopicVerdicts
  readonly keepAliveMs: number
  readonly expirySeconds: number
  readonly receiveMaximum: number
  readonly maxPacketBytes: number
}

/** A CONNECT that may not, with the CONNACK code that says so. `takesBytes` is the largest packet that the client takes, where it said so. */
export type NotOpened = Refusal & { readonly reasonCode: number; readonly device?: string; readonly takesBytes?: number }

const no = (reasonCode: number, refusal: Refusal & Pick<NotOpened, 'takesBytes'>, device?: string) =>
  fail<NotOpened>({ ...refusal, reasonCode, ...(device === undefined ? {} : { device }) })

const denials: ReadonlySet<number> = new Set([
  reasonCodes['client-identifier-not-valid'],
  reasonCodes['bad-user-name-or-password'],
  reasonCodes['not-authorized'],
  reasonCodes['bad-authentication-method'],
])

/** The answer where whoever was asked about a credential could not say: the log has why. */
export function notJudged(desk: Desk, error: unknown): { readonly ok: false; readonly error: NotOpened } {
  desk.ports.trouble?.('a credential could not be judged', error)
  const message = 'The credential could not be judged now.'
  return no(reasonCodes['server-unavailable'], { code: 'gateway/not-judged', message })
}

/** Whether a CONNECT was refused for who the peer is or is not, rather than for how it spoke or how busy we are. */
export function isDenial(refused: NotOpened): boolean {
  return denials.has(refused.reasonCode)
}

/**
 * Judges a CONNECT: room first, then identity, then whether it may hold one more connection, then its will. Nothing is changed here, so a
 * refused CONNECT leaves no trace but its record.
 */
export function judgeConnect(
  connect: ConnectPacket,
  transport: Transport,
  desk: Desk,
  limits: ListenerLimits,
  ticket: Ticket,
): Result<Opening, NotOpened> | Promise<Result<Opening, NotOpened>> {
  const judged = judge(connect, transport, desk, limits, ticket)
  return judged instanceof Promise ? judged.then((later) => sized(connect, later, limits)) : sized(connect, judged, limits)
}

/** CONNACK fits into what the client takes, or refuses in one that does [MQTT-3.1.2-24]. */
function sized(connect: ConnectPacket, judged: Result<Opening, NotOpened>, limits: ListenerLimits): Result<Opening, NotOpened> {
  const takesBytes = connect.properties?.maximumPacketSize
  if (takesBytes === undefined) return judged
  if (!judged.ok) return fail({ ...judged.error, takesBytes })
  if (encode(acceptance(connect, judged.value, false, limits), connect.version).length <= takesBytes) return judged
  const message = 'The answer to CONNECT is larger than the Maximum Packet Size that came with it.'
  const refusal = { code: 'gateway/packet-size-too-small', message, takesBytes }
  return no(reasonCodes['packet-too-large'], refusal, judged.value.principal.device)
}

function judge(
  connect: ConnectPacket,
  transport: Transport,
  desk: Desk,
  limits: ListenerLimits,
  ticket: Ticket,
): Result<Opening, NotOpened> | Promise<Result<Opening, NotOpened>> {
  if (ticket.late !== undefined) return fail(ticket.late)
  if (!desk.overload.takesConnections && !transport.isProbe) return fail(serverBusy)
  const clientId = connect.clientId === '' ? `$server-generated/${uuid(desk.ports.random)}` : connect.clientId
  const answer = desk.ports.authenticate({
    clientId,
    userName: connect.username,
    password: secretOf(connect.password),
    authenticationMethod: connect.properties?.authenticationMethod,
    authenticationData: secretOf(connect.properties?.authenticationData),
    mqttVersion: connect.version,
    peerAddress: transport.address,
    certificates: transport.certificates(),
  })
  const judge = (proven: Result<Principal, Refused>) =>
    proven.ok ? judgeProven(connect, proven.value, clientId, desk, limits) : no(refusalCode(proven.error), proven.error)
  return answer instanceof Promise ? answer.then(judge) : judge(answer)
}

function refusalCode({ blame, reasonCode }: Refused): number {
  return reasonCode ?? (blame === 'client-id' ? reasonCodes['client-identifier-not-valid'] : reasonCodes['not-authorized'])
}

/** The rest of the judgement, by what is true when it is known who the peer is. */
function judgeProven(
  connect: ConnectPacket,
  principal: Principal,
  clientId: string,
  desk: Desk,
  limits: ListenerLimits,
): Result<Opening, NotOpened> {
  const others = [...desk.of(principal.device)].filter((connection) => connection.clientId !== clientId)
  if (others.length >= limits.connectionsPerIdentity)
    return no(
      reasonCodes['quota-exceeded'],
      { code: 'gateway/too-many-connections', message: `A device may hold at most ${limits.connectionsPerIdentity} connections.` },
      principal.device,
    )
  const { broker } = desk.ports
  if (broker.sessionsOf(principal.device) >= limits.sessionsPerIdentity && broker.find(principal.device, clientId) === undefined)
    return no(
      reasonCodes['quota-exceeded'],
      { code: 'gateway/too-many-sessions', message: `A device may have at most ${limits.sessionsPerIdentity} sessions.` },
      principal.device,
    )
  const policy = desk.ports.policyOf(principal.subject)
  if (policy.connect() === undefined)
    return no(
      reasonCodes['not-authorized'],
      { code: 'gateway/connect-denied', message: 'The policy does not allow this client to connect.' },
      principal.device,
    )
  const verdicts = new TopicVerdicts(policy)
  if (connect.will !== undefined) {
    if (verdicts.publish(connect.will.topic).rule === undefined)
      return no(
        reasonCodes['not-authorized'],
        { code: 'gateway/will-denied', message: 'The policy does not allow the will topic.' },
        principal.device,
      )
  }
  const { method } = principal.authentication
  if (connect.properties?.authenticationMethod !== undefined && method !== 'ServiceAccountToken' && method !== 'Custom')
    return no(
      reasonCodes['bad-authentication-method'],
      { code: 'gateway/enhanced-authentication', message: 'Nothing here judges this Authentication Method.' },
      principal.device,
    )
  return ok({
    principal,
    clientId,
    verdicts,
    keepAliveMs: effectiveKeepAlive(connect, limits.keepAliveSeconds) * 1000,
    expirySeconds: effectiveExpiry(connect, limits.sessionExpirySeconds),
    receiveMaximum:
      connect.version === 4 ? limits.inflight : Math.min(connect.properties?.receiveMaximum ?? 65_535, limits.maxReceiveMaximum),
    maxPacketBytes: connect.properties?.maximumPacketSize ?? Number.MAX_SAFE_INTEGER,
  })
}

/** A copy: what the reader lends is overwritten by the next bytes, and who is asked may take its time. */
function secretOf(bytes: Buffer | undefined): Secret | undefined {
  return bytes === undefined || bytes.length === 0 ? undefined : new Secret(Buffer.from(bytes))
}

/** Seconds; 0 and everything above the limit count as the limit (azure-wire 2.3). */
function effectiveKeepAlive(connect: ConnectPacket, longest: number): number {
  const asked = connect.keepAliveSeconds
  return asked === 0 || asked > longest ? longest : asked
}

/** MQTT 3.1.1 knows no expiry: Clean Session 0 means as long as we keep any. */
function effectiveExpiry(connect: ConnectPacket, longest: number): number {
  if (connect.version === 4) return connect.cleanStart ? 0 : longest
  return Math.min(connect.properties?.sessionExpiryInterval ?? 0, longest)
}

/** The CONNACK that tells an MQTT 5 client everything we decided differently from what it asked. */
export function acceptance(connect: ConnectPacket, opening: Opening, present: boolean, limits: ListenerLimits): ConnackPacket {
  if (connect.version === 4) return { type: 'connack', sessionPresent: present, reasonCode: reasonCodes.success }
  const keepAliveSeconds = opening.keepAliveMs / 1000
  return {
    type: 'connack',
    sessionPresent: present,
    reasonCode: reasonCodes.success,
    properties: {
      receiveMaximum: limits.receiveMaximum,
      maximumPacketSize: limits.maxPacketBytes,
      topicAliasMaximum: limits.topicAliasMaximum,
      ...(connect.properties?.requestResponseInformation === true
        ? { responseInformation: `devices/${opening.principal.device}/responses` }
        : {}),
      ...(connect.properties?.authenticationMethod === undefined ? {} : { authenticationMethod: connect.properties.authenticationMethod }),
      ...(connect.clientId === '' ? { assignedClientIdentifier: opening.clientId } : {}),
      ...(keepAliveSeconds === connect.keepAliveSeconds ? {} : { serverKeepAlive: keepAliveSeconds }),
      ...(opening.expirySeconds === (connect.properties?.sessionExpiryInterval ?? 0)
        ? {}
        : { sessionExpiryInterval: opening.expirySeconds }),
    },
  }
}

/** The CONNACK that refuses; MQTT 5 also gets the stable code and the sentence, where the client takes so much [MQTT-3.2.2-19]. */
export function refusalPacket(refused: NotOpened, version: ProtocolVersion): ConnackPacket {
  const bare = { type: 'connack', sessionPresent: false, reasonCode: refused.reasonCode } as const
  if (version === 4) return bare
  const told = { ...bare, properties: { reasonString: `${refused.code}: ${refused.message}` } }
  return encode(told, version).length > (refused.takesBytes ?? Number.POSITIVE_INFINITY) ? bare : told
}

/** Whether a packet that is no CONNECT of ours is answered: 3.1.1 is, where it has a return code for what is wrong [MQTT-3.1.4-1, MQTT-3.2.2-6]. */
export function isAnswered(version: ProtocolVersion | undefined, reasonCode: number): boolean {
  if (version !== 4) return version === 5
  return reasonCode === reasonCodes['unsupported-protocol-version'] || reasonCode === reasonCodes['client-identifier-not-valid']
}
