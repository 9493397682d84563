/** One server-sent event (HTML Living Standard 9.2). `id` is the last one seen on the stream. */
export type SseEvent = { readonly id: string; readonly event: string; readonly data: string }

/** Longest line taken, in characters: a payload of 256 KiB in which JSON must escape every byte has six times that, and there are properties. */
const maxLineLength = 4 * 1024 * 1024

/**
 * Cuts a byte stream into server-sent events, however the network cut the bytes (HTML Living Standard 9.2.6). Comments (heartbeats) vanish.
 * Throws RangeError on a line longer than 4 MiB, for a stream without an end must not fill memory.
 */
export class SseReader {
  readonly #decoder = new TextDecoder('utf-8')
  #rest = ''
  #id = ''
  #event = ''
  #data: string[] = []

  push(chunk: Uint8Array): readonly SseEvent[] {
    this.#rest += this.#decoder.decode(chunk, { stream: true })
    const events: SseEvent[] = []
    let start = 0
    for (;;) {
      const end = lineEnd(this.#rest, start)
      if (end === undefined) break
      const event = this.#line(this.#rest.slice(start, end.at))
      if (event) events.push(event)
      start = end.next
    }
    this.#rest = this.#rest.slice(start)
    if (this.#rest.length > maxLineLength) throw new RangeError('a line of the event stream is longer than 4 MiB')
    return events
  }

  #line(line: string): SseEvent | undefined {
    if (line === '') return this.#dispatch()
    if (line.startsWith(':')) return undefined
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'data') this.#data.push(value)
    else if (field === 'event') this.#event = value
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    return undefined
  }

  #dispatch(): SseEvent | undefined {
    const [data, event] = [this.#data, this.#event]
    this.#data = []
    this.#event = ''
    if (data.length === 0 && event === '') return undefined
    return { id: this.#id, event: event || 'message', data: data.join('\n') }
  }
}

// CR, LF or CR LF. A CR at the very end may be half of a CR LF, so it waits for the next byte.
function lineEnd(text: string, from: number): { readonly at: number; readonly next: number } | undefined {
  for (let i = from; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char === 10) return { at: i, next: i + 1 }
    if (char !== 13) continue
    if (i + 1 === text.length) return undefined
    return { at: i, next: text.charCodeAt(i + 1) === 10 ? i + 2 : i + 1 }
  }
  return undefined
}
