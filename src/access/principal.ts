import type { CertificateProof, DeviceId, Instant, Subject } from '#base'

/** How an identity was proven: a client certificate, a shared access signature, a service account token, or somebody else's word (edge.md 1.4). */
export type AuthenticationType = 'x509' | 'sas' | 'sat' | 'custom'

/** An identity that has proven who it is, and how. Sessions, queues and retained messages belong to this, never to a client id. */
export type Principal = {
  /** The identity: a registered device's id, or another method's name with that method before it (`sat:...`, `x509:...`, `custom:...`). */
  readonly device: DeviceId
  /** What policies are asked about; `subject.identity` is `device`, and `subject.clientId` is the one that is used in the end. */
  readonly subject: Subject
  /** Tells a device from a deleted one of the same name; empty for an identity that is not in the registry. */
  readonly generationId: string
  /** `azure`: the identity was named by the user name, in IoT Hub's form. `mqtt`: the credential alone names it. */
  readonly mode: 'azure' | 'mqtt'
  readonly authentication: {
    readonly type: AuthenticationType
    /** Whether a device or one of its modules was proven. */
    readonly scope: 'device' | 'module'
    /** `certificateAuthority`, `selfSigned`, `sas`: a registered device. The others: a method of a BrokerAuthentication document. */
    readonly method: 'certificateAuthority' | 'selfSigned' | 'sas' | 'X509' | 'ServiceAccountToken' | 'Custom'
    /** SHA-256 of the leaf, 64 lower-case hex characters; empty where no certificate proved the identity. */
    readonly thumbprint: string
    /** Serial number of a leaf that we issued, lower-case hex. */
    readonly serial: string | undefined
    /** The shared access policy that signed for the device, where none of its own keys did. */
    readonly policy?: string | undefined
    /** What a revocation would know the connection by; undefined where no certificate proved it. */
    readonly proof?: CertificateProof | undefined
  }
  /** When the credential ends; the connection is closed then, without DISCONNECT (edge.md 1.9). Undefined: it does not end. */
  readonly expiresAt: Instant | undefined
  /** The user name as sent, for the record. */
  readonly userName: string | undefined
  /** The model that the client said it has (`model-id`, azure-wire 2.1), as sent; not checked against anything. */
  readonly modelId?: string | undefined
}

/** The value of IoT Hub's `iothub-connection-auth-method`: a JSON text. */
export function authenticationMethodJson(principal: Principal): string {
  const { scope, type, policy } = principal.authentication
  return JSON.stringify({
    scope: policy === undefined ? scope : 'hub',
    type,
    issuer: 'iothub',
    acceptingIpFilterRule: null,
  })
}
