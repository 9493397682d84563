/** One way in which a text may lie in a file. */
export type Needle = { readonly encoding: string; readonly bytes: Buffer }

/**
 * The byte patterns to look for: the text as it is, in UTF-16, in hexadecimal, and in base64 at each of its three alignments (the
 * characters that its neighbours may change are left out).
 */
export function needlesOf(text: string): readonly Needle[] {
  const utf8 = Buffer.from(text)
  const needles: Needle[] = [
    { encoding: 'utf-8', bytes: utf8 },
    { encoding: 'utf-16', bytes: Buffer.from(text, 'utf16le') },
    { encoding: 'hex', bytes: Buffer.from(utf8.toString('hex')) },
    { encoding: 'hex', bytes: Buffer.from(utf8.toString('hex').toUpperCase()) },
  ]
  for (const shift of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(shift), utf8])
      .toString('base64')
      .replaceAll('=', '')
    // The first group holds the unknown bytes before; the last may hold some that follow.
    const inner = encoded.slice(shift === 0 ? 0 : 4, encoded.length - (encoded.length % 4 === 0 ? 0 : encoded.length % 4))
    needles.push({ encoding: 'base64', bytes: Buffer.from(inner) })
  }
  return needles
}
