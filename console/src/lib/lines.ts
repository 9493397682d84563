/** Cuts a stream of UTF-8 bytes into lines, however the network cut the bytes. Empty lines are dropped. */
export async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  const reader = stream.getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    rest += done ? decoder.decode() : decoder.decode(value, { stream: true })
    const whole = rest.split('\n')
    rest = done ? '' : (whole.pop() ?? '')
    for (const line of whole) if (line.trim() !== '') yield line
    if (done) return
  }
}
