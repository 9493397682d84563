import { type PolicyAction, type Principal, authenticationMethodJson } from '#access'
import type { Subject } from '#base'
import type { DropReason, Session } from '#broker'
import { type FactOf, encodeStamp } from '#journal'
import type { Desk } from './desk.ts'
import type { EndReason } from './end-reason.ts'
import type { NotOpened } from './opening.ts'
import type { LiveConnection } from './ports.ts'
import type { Transport } from './transport.ts'

// A peer chooses its client identifier; the record of a refusal does not have to carry all of it.
const maxClientIdInRecord = 256

/** What every telemetry record of one connection shares, encoded once. */
export function stampOf(principal: Principal, connection: string, transport: LiveConnection['transport'] | 'https'): Buffer {
  const { device, generationId: generation } = principal
  return encodeStamp({ device, auth: authenticationMethodJson(principal), generation, connection, transport })
}

/** Writes that a session began. */
export function tellConnected(desk: Desk, connection: LiveConnection, subject: Subject, willTopic: string | undefined): void {
  const { device, clientId, id, transport, mqttVersion, auth, address, tls } = connection
  const isHeld = desk.news.holds(device, 'connected', id)
  desk.facts.tell({
    kind: 'connected',
    time: desk.ports.clock.now(),
    device,
    clientId,
    connection: id,
    transport,
    mqttVersion,
    auth,
    address,
    tls,
    connections: desk.open,
    ...inputsOf(subject),
    ...(willTopic === undefined ? {} : { will: willTopic }),
    ...(isHeld ? { quiet: true } : {}),
  })
}

/** What a policy compares besides the identity; left out where it says nothing new, as for every registered device. */
function inputsOf({ identity, username, attributes }: Subject): Pick<FactOf<'connected'>, 'username' | 'attributes'> {
  return { ...(username === identity ? {} : { username }), ...(Object.keys(attributes).length === 0 ? {} : { attributes }) }
}

/** Writes that a session ended, and what went through it. */
export function tellDisconnected(desk: Desk, connection: LiveConnection, reason: EndReason): void {
  const { device, clientId, id, inBytes, outBytes, since } = connection
  const time = desk.ports.clock.now()
  const isHeld = desk.news.holds(device, 'disconnected', id)
  desk.facts.tell({
    kind: 'disconnected',
    time,
    device,
    clientId,
    connection: id,
    reason,
    bytesIn: inBytes,
    bytesOut: outBytes,
    durationMs: Math.max(0, time - since),
    ...(isHeld ? { quiet: true } : {}),
  })
}

/** Counts and writes that a live session was refused an action; `explain` answers with the same decision. */
export function tellDenied(
  desk: Desk,
  { subject, connection }: { readonly subject: Subject; readonly connection: string },
  action: PolicyAction,
  topic: string,
): void {
  desk.counters.denied++
  const policy = desk.ports.policyVersion?.()
  desk.facts.tellLimited(`denied ${subject.identity} ${action} ${topic}`, {
    kind: 'denied',
    time: desk.ports.clock.now(),
    device: subject.identity,
    clientId: subject.clientId,
    action,
    topic,
    rule: null,
    code: 'access/no-rule',
    decision: `${connection}/${desk.counters.denied}`,
    ...inputsOf(subject),
    ...(policy === undefined ? {} : { policy }),
  })
}

/** Counts and writes that messages for a session were given up. */
export function tellDropped(desk: Desk, session: Session, reason: DropReason, count: number): void {
  desk.counters.messagesDropped += count
  const { owner: device, clientId } = session
  desk.facts.tell({ kind: 'messages-dropped', time: desk.ports.clock.now(), device, clientId, reason, count })
}

/** Whoever was refused, by whichever protocol. */
type RefusedPeer = Pick<Transport, 'isProbe' | 'address' | 'certificates'> & { readonly kind: LiveConnection['transport'] | 'https' }

/** Counts and writes that a CONNECT was refused, with what its certificate claims. */
export function tellRefused(desk: Desk, transport: RefusedPeer, refused: NotOpened, clientId: string): void {
  if (transport.isProbe) return
  const [leaf] = transport.certificates()
  const certificate = leaf === undefined ? undefined : desk.ports.describeCertificate(leaf)
  const shown = clientId.slice(0, maxClientIdInRecord)
  desk.counters.refused.set(refused.code, (desk.counters.refused.get(refused.code) ?? 0) + 1)
  desk.facts.tellLimited(`refused ${refused.code} ${transport.address} ${certificate?.fingerprint ?? ''} ${shown}`, {
    kind: 'refused',
    time: desk.ports.clock.now(),
    code: refused.code,
    message: refused.detail === undefined ? refused.message : `${refused.message} (${refused.detail})`,
    address: transport.address,
    listener: transport.kind,
    ...(certificate === undefined ? {} : { certificate }),
    ...(refused.device === undefined ? {} : { device: refused.device }),
    ...(shown === '' ? {} : { clientId: shown }),
  })
}
