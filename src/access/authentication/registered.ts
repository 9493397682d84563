import type { Instant } from '#base'
import { parseUserName } from '#wire/azure'
import { type Credentials, authenticate } from '../authenticate.ts'
import type { AuthenticationPorts } from '../ports.ts'
import type { RegisteredMethod } from './authentication.ts'

/**
 * The built-in method. `alone`: there is no other, so it always answers, and says what is missing. Beside others it answers for what
 * speaks of a registered device: a user name in IoT Hub's form that names this hub, a certificate that we issued, or one that is registered.
 */
export function registeredMethod(ports: AuthenticationPorts, alone: boolean): RegisteredMethod {
  return (credentials, now) => (alone || isOurs(credentials, ports, now) ? authenticate(credentials, ports, now) : undefined)
}

function isOurs(credentials: Credentials, ports: AuthenticationPorts, now: Instant): boolean {
  const azure = credentials.userName === undefined ? undefined : parseUserName(credentials.userName)
  if (azure !== undefined && ports.isOurHost(azure.host)) return true
  const [leaf] = credentials.certificates
  if (leaf === undefined) return false
  const facts = ports.leafFacts(leaf)
  if (facts.ok && ports.withThumbprint(facts.value.fingerprintSha256).length > 0) return true
  const chain = ports.verifyChain(credentials.certificates, now)
  // One of ours that was revoked, has expired or is forged is refused as ours; only a stranger is for the methods that know strangers.
  return chain.ok || chain.error.code !== unknownIssuer
}

// What the verifier says when no authority of this hub has signed: the one answer that leaves room for others.
const unknownIssuer = 'pki/unknown-issuer'
