/** A stable code and a sentence for a handshake that failed, from what OpenSSL and Node say. */
export function handshakeRefusal(error: NodeJS.ErrnoException & { readonly reason?: string }): {
  readonly code: string
  readonly message: string
} {
  const text = `${error.code ?? ''} ${error.reason ?? ''} ${error.message}`.toLowerCase()
  if (/http request|wrong version number|packet length too long|bad record type|unknown protocol|record layer failure/.test(text))
    return { code: 'gateway/plaintext', message: 'The peer did not speak TLS on a TLS port.' }
  if (/unsupported protocol|version too low|inappropriate fallback|unsupported_protocol/.test(text))
    return { code: 'gateway/tls-version', message: 'The peer offered no TLS version from 1.2 on.' }
  if (/no shared cipher|no suitable|no_shared|handshake failure/.test(text))
    return { code: 'gateway/tls-cipher', message: 'The peer offered no cipher suite that we speak.' }
  if (/timeout/.test(text)) return { code: 'gateway/handshake-timeout', message: 'The TLS handshake did not finish in time.' }
  if (/econnreset|socket hang up|epipe|before secure/.test(text))
    return { code: 'gateway/handshake-aborted', message: 'The peer left during the TLS handshake.' }
  if (/alert|unknown ca|certificate/.test(text))
    return { code: 'gateway/peer-alert', message: 'The peer ended the TLS handshake: it does not accept our certificate.' }
  return { code: 'gateway/handshake-failed', message: 'The TLS handshake failed.' }
}
