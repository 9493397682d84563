import encodeQr from 'qr'

/** What a label says in its code: `thingwall:pump-7?lot=autumn&sha256=...`. Nothing in it is secret. */
export function labelText(name: string, lot: string, fingerprint: string): string {
  return `thingwall:${encodeURIComponent(name)}?lot=${lot}&sha256=${fingerprint}`
}

/** The code as a picture (SVG), or in blocks for a terminal. */
export function labelCode(text: string, as: 'svg' | 'term'): string {
  return as === 'svg' ? encodeQr(text, 'svg') : encodeQr(text, 'term')
}
