/** A device id as a file name on any system and unquoted in any shell: letters, digits, `.`, `_` and `-` stay, the rest becomes `_`. */
export function fileNameOf(deviceId: string): string {
  return deviceId.replaceAll(/[^A-Za-z0-9._-]/g, '_')
}

/** Hands a file to the browser to save. The content never leaves the machine. */
export function download(name: string, parts: BlobPart[], type = 'application/x-pem-file'): void {
  const url = URL.createObjectURL(new Blob(parts, { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
  // The browser has taken hold of the content once the click is handled.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
