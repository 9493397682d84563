import type { Clock, DeviceId, RevokedProofs } from '#base'

/** Why an operator's act ends sessions; told to the peer as an administrative action and written to the journal. */
export type CloseReason = 'revoked' | 'disabled' | 'deleted' | 'credential' | 'operator'

/** Ends every live session of a device, or those opened with one certificate (serial in lower-case hex). */
export type DeviceClose = {
  readonly device: DeviceId
  readonly certificateSerial?: string
  readonly reason: CloseReason
}

/** Ends every live session that was proven with something that is worth nothing any more, and every one of `devices`. */
export type RevokedClose = { readonly revoked: RevokedProofs; readonly devices: readonly DeviceId[]; readonly reason: 'revoked' }

/** Whose sessions are to end. */
export type CloseRequest = DeviceClose | RevokedClose

/** What really happened: sessions closed, sessions found, wall time, and how many on each transport. */
export type CloseReceipt = {
  readonly closed: number
  readonly of: number
  readonly elapsedMs: number
  readonly transports: Readonly<Record<string, number>>
}

/** What one gateway answers to a {@link CloseRequest}. */
export type CloseAnswer = { readonly closed: number; readonly of: number; readonly transports: Readonly<Record<string, number>> }

/** Who must hear it now: commands that every gateway obeys at once. In process here; a cluster puts NATS behind the same door. */
export interface Bus {
  /** Asks every gateway, waits for all, and adds up their answers. Resolves only when the sockets are gone. */
  closeSessions(request: CloseRequest): Promise<CloseReceipt>
  /** Registers a gateway. Returns how to take it out again. */
  onCloseSessions(obey: (request: CloseRequest) => Promise<CloseAnswer>): () => void
}

/** The bus of one process. */
export function openBus(clock: Clock): Bus {
  const gateways = new Set<(request: CloseRequest) => Promise<CloseAnswer>>()
  return {
    async closeSessions(request) {
      const started = clock.monotonic()
      const answers = await Promise.all([...gateways].map((obey) => obey(request)))
      return { ...joinAnswers(answers), elapsedMs: Math.round((clock.monotonic() - started) * 10) / 10 }
    },
    onCloseSessions(obey) {
      gateways.add(obey)
      return () => void gateways.delete(obey)
    },
  }
}

/** Adds up the receipts of orders that were given at the same time: the longest of them is how long it took. */
export function joinReceipts(receipts: readonly CloseReceipt[]): CloseReceipt {
  return { ...joinAnswers(receipts), elapsedMs: Math.max(0, ...receipts.map((receipt) => receipt.elapsedMs)) }
}

function joinAnswers(answers: readonly CloseAnswer[]): CloseAnswer {
  const transports: Record<string, number> = {}
  for (const answer of answers)
    for (const [transport, count] of Object.entries(answer.transports)) transports[transport] = (transports[transport] ?? 0) + count
  return {
    closed: answers.reduce((sum, answer) => sum + answer.closed, 0),
    of: answers.reduce((sum, answer) => sum + answer.of, 0),
    transports,
  }
}
