/** What a start tells the person who typed it. */
export type Welcome = {
  readonly firstRun: boolean
  readonly dataDirectory: string
  readonly keyFile: string
  readonly signInUrl: string
  readonly rootFingerprint: string
  readonly rootFile: string
  readonly sockets: readonly { readonly address: string; readonly protocol: string; readonly reason: string }[]
  readonly notes: readonly string[]
  readonly nextCommand: string
  readonly elapsedMs: number
}

/** Lays the welcome out for a terminal; no colours, so that it can be read from a file as well. */
export function welcomeText(welcome: Welcome): string {
  const width = Math.max(...welcome.sockets.map((socket) => socket.address.length))
  const protocolWidth = Math.max(...welcome.sockets.map((socket) => socket.protocol.length))
  const fingerprint = welcome.rootFingerprint.match(/.{1,4}/g)?.join(' ') ?? welcome.rootFingerprint
  const lines = [
    '',
    `Thingwall is up (${(welcome.elapsedMs / 1000).toFixed(1)} s).`,
    '',
    '  Sign in once with this link (works for 15 minutes, one use):',
    `    ${welcome.signInUrl}`,
    '',
    '  Root certificate of this hub; devices and browsers trust it by this fingerprint (SHA-256):',
    `    ${fingerprint}`,
    `    ${welcome.rootFile}`,
    '',
    '  Open sockets, and why:',
    ...welcome.sockets.map(({ address, protocol, reason }) => `    ${address.padEnd(width)}  ${protocol.padEnd(protocolWidth)}  ${reason}`),
    '',
    `  Data: ${welcome.dataDirectory} (encrypted). ${welcome.firstRun ? 'Its key was made' : 'Its key'}: ${welcome.keyFile}`,
    ...(welcome.firstRun ? ['    Back up both, and not in one place: without the key the data cannot be read.'] : []),
    ...welcome.notes.map((note) => `  Note: ${note}`),
    '',
    '  Next, in another terminal:',
    `    ${welcome.nextCommand}`,
    '',
  ]
  return lines.join('\n')
}
