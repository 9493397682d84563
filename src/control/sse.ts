/** One server-sent event as bytes on the wire want it. `data` is written as JSON, which has no line breaks of its own. */
export function event(parts: { readonly name?: string; readonly id?: number; readonly data: unknown }): string {
  const id = parts.id === undefined ? '' : `id: ${parts.id}\n`
  const name = parts.name === undefined ? '' : `event: ${parts.name}\n`
  return `${id}${name}data: ${JSON.stringify(parts.data)}\n\n`
}

/** A comment line: keeps proxies and browsers from thinking that nobody is there. */
export const heartbeat = ': here\n\n'

/** Time between heartbeats on a quiet stream. */
export const heartbeatMs = 15_000
