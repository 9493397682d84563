/** The policy of every answer: nothing from elsewhere, nothing inline, no frames, and markup only by Trusted Types. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

/** Headers of every answer, whatever it is. Written in one hook, for a plugin that does it costs half the throughput. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'origin-agent-cluster': '?1',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), usb=(), serial=(), bluetooth=(), payment=(), interest-cohort=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
}

const remembered: Readonly<Record<string, string>> = { ...securityHeaders, 'strict-transport-security': 'max-age=31536000' }

/**
 * The headers of an answer given under `host`. Strict transport security is left out for localhost: browsers remember it for the name and all
 * its ports, and would refuse every other program that this person runs there.
 */
export function headersFor(host: string | undefined): Readonly<Record<string, string>> {
  return /^localhost(?::|$)/i.test(host ?? '') ? securityHeaders : remembered
}

/** The names under which we may be asked, from configured names and addresses; loopback always counts. */
export function hostSet(names: readonly string[]): ReadonlySet<string> {
  return new Set([...names, 'localhost', '127.0.0.1', '::1'].map((name) => name.toLowerCase()))
}

/**
 * True when a Host header names us, with any port. A page of a stranger whose DNS name was pointed at this hub (DNS rebinding)
 * asks under its own name and ends here.
 */
export function isOurHost(hosts: ReadonlySet<string>, header: string | undefined): boolean {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?$/.exec(header ?? '')
  const name = match?.[1] ?? match?.[2]
  return name !== undefined && hosts.has(name.toLowerCase())
}

/** True for an address of this machine that no other machine can send from. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:::1|(?:::ffff:)?127\.[0-9.]+)$/.test(address)
}
