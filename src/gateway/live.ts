import type { Principal } from '#access'
import type { Link, Session } from '#broker'
import type { ConnectPacket } from '#wire/mqtt'
import type { Desk } from './desk.ts'
import { Inbound, type InboundConnection } from './inbound.ts'
import type { ListenerLimits } from './listener-limits.ts'
import type { Opening } from './opening.ts'
import { stampOf } from './records.ts'
import { TopicVerdicts } from './topic-verdict.ts'
import type { Transport } from './transport.ts'
import { storedWill } from './will.ts'

/** What a connection has once its CONNECT was accepted. */
export type Live = {
  readonly session: Session
  /** Whether the session was there before. */
  readonly present: boolean
  readonly inbound: Inbound
  /** The Authentication Method of CONNECT. */
  readonly method: string | undefined
  opening: Opening
}

/** Opens or resumes the session of an accepted CONNECT. Whoever holds it now is taken over. */
export function openLive(
  desk: Desk,
  limits: ListenerLimits,
  connection: Link & InboundConnection & { readonly transport: Transport },
  connect: ConnectPacket,
  opening: Opening,
): Live {
  const { principal, verdicts, expirySeconds } = opening
  const { subject } = principal
  const { version: mqttVersion, cleanStart } = connect
  const stamp = stampOf(principal, connection.id, connection.transport.kind)
  const will = connect.will === undefined ? undefined : storedWill(connect.will, stamp)
  const asked = { subject, cleanStart, expirySeconds, limits, mqttVersion, will, link: connection }
  const { session, present } = desk.ports.broker.attach(asked)
  const { messageExpirySeconds } = limits
  const publisher = { subject, connection: connection.id, stamp, mqttVersion, messageExpirySeconds }
  const inbound = new Inbound(desk, limits, verdicts, publisher, session, connection, present)
  return { session, present, inbound, method: connect.properties?.authenticationMethod, opening }
}

/** Lets messages flow to a client that was told so, and serves what its session has subscribed to before. */
export function startLive(desk: Desk, { session, inbound, opening }: Live, link: Link): void {
  const { device, modelId } = opening.principal
  if (modelId !== undefined) desk.ports.hub.twins.announceModel(device, modelId)
  desk.ports.broker.start(session, link, opening.receiveMaximum)
  inbound.refresh()
}

/** The same identity has proven itself again, perhaps with other attributes: what it was allowed is judged again (edge.md 1.9). */
export function becomes(desk: Desk, live: Live, principal: Principal, transport: Transport): void {
  const subject = { ...principal.subject, clientId: live.opening.clientId }
  const { inbound, session } = live
  live.opening = { ...live.opening, principal: { ...principal, subject } }
  inbound.publisher = { ...inbound.publisher, subject, stamp: stampOf(principal, session.connection, transport.kind) }
  inbound.verdicts = new TopicVerdicts(desk.ports.policyOf(subject))
  desk.ports.broker.becomes(session, subject)
}

/** Judges a client by the policy of now, and its next packets too. False: it lost its place or a subscription. */
export function mayStay(desk: Desk, { inbound, opening, session }: Live): boolean {
  const policy = desk.ports.policyOf(opening.principal.subject)
  inbound.verdicts = new TopicVerdicts(policy)
  const lost = [...session.subscriptions.keys()].some((filter) => policy.subscribe(filter) === undefined)
  return policy.connect() !== undefined && !lost
}
