/** A line of the answer to a bulk add. */
export type BulkLine =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | {
      readonly kind: 'device'
      readonly device: string
      readonly certificatePem: string | undefined
      readonly privateKeyPem: string | undefined
    }
  | { readonly kind: 'done'; readonly added: number; readonly failed: number }
  | { readonly kind: 'error'; readonly text: string }

/** Reads one line. What is no JSON object, or of an unknown kind, becomes an `error` line that shows it: nothing is dropped silently. */
export function parseBulkLine(text: string): BulkLine {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { kind: 'error', text: `An unreadable line came back: ${text.slice(0, 80)}` }
  }
  const field = (name: string): unknown => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined)
  const number = (name: string): number => {
    const found = field(name)
    return typeof found === 'number' ? found : 0
  }
  const word = (name: string): string | undefined => {
    const found = field(name)
    return typeof found === 'string' ? found : undefined
  }
  switch (word('kind') ?? '') {
    case 'progress':
      return { kind: 'progress', done: number('done'), total: number('total') }
    case 'done':
      return { kind: 'done', added: number('added'), failed: number('failed') }
    case 'device': {
      const device: unknown = field('device')
      const id = typeof device === 'string' ? device : typeof device === 'object' && device !== null ? Reflect.get(device, 'id') : undefined
      if (typeof id !== 'string') return { kind: 'error', text: 'A device without a name came back.' }
      return { kind: 'device', device: id, certificatePem: word('certificatePem'), privateKeyPem: word('privateKeyPem') }
    }
    default: {
      const where = word('id') ?? (typeof field('line') === 'number' ? `line ${number('line')}` : undefined)
      const why = word('detail') ?? word('message') ?? word('code') ?? text.slice(0, 120)
      return { kind: 'error', text: where === undefined ? why : `${where}: ${why}` }
    }
  }
}
