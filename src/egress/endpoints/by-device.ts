import type { Delivered } from '../endpoint.ts'
import type { RoutedEvent } from '../event.ts'

/**
 * Delivers a batch event by event: those of one device one after the other, those of different devices side by side, so that order per device holds even when
 * one in the middle fails. `send` gives a reason when its event can never be taken, undefined when it was; throwing ends the device's turn and is `retry`.
 */
export async function deliverByDevice(
  batch: readonly RoutedEvent[],
  send: (event: RoutedEvent) => Promise<string | undefined>,
): Promise<Delivered> {
  const turns = new Map<string, { readonly event: RoutedEvent; readonly index: number }[]>()
  for (const [index, event] of batch.entries()) {
    const turn = turns.get(event.device)
    if (turn === undefined) turns.set(event.device, [{ event, index }])
    else turn.push({ event, index })
  }
  type Stop = { readonly index: number; readonly poison: string | undefined; readonly error: unknown }
  const run = async (turn: readonly { readonly event: RoutedEvent; readonly index: number }[]): Promise<Stop | undefined> => {
    for (const { event, index } of turn) {
      try {
        const poison = await send(event)
        if (poison !== undefined) return { index, poison, error: undefined }
      } catch (error) {
        return { index, poison: undefined, error }
      }
    }
    return undefined
  }
  const stops = (await Promise.all([...turns.values()].map(run))).filter((stop) => stop !== undefined)
  const first = stops.toSorted((a, b) => a.index - b.index)[0]
  if (first === undefined) return { kind: 'ok' }
  if (first.poison === undefined) throw first.error
  return { kind: 'poison', index: first.index, reason: first.poison }
}
