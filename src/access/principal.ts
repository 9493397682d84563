import type { DeviceId } from '#base'

/** A device that has proven who it is, and how. Sessions, queues and retained messages belong to this, never to a client id. */
export type Principal = {
  readonly device: DeviceId
  /** Tells a device from a deleted one of the same name. */
  readonly generationId: string
  /** `azure`: the identity was named by the user name, in IoT Hub's form. `mqtt`: the certificate alone names it. */
  readonly mode: 'azure' | 'mqtt'
  readonly authentication: {
    readonly type: 'x509'
    readonly scope: 'device'
    readonly method: 'certificateAuthority' | 'selfSigned'
    /** SHA-256 of the leaf, 64 lower-case hex characters. */
    readonly thumbprint: string
    /** Serial number of a leaf that we issued, lower-case hex. */
    readonly serial: string | undefined
  }
  /** The user name as sent, for the record. */
  readonly userName: string | undefined
}

/** The value of IoT Hub's `iothub-connection-auth-method`: a JSON text. */
export function authenticationMethodJson(principal: Principal): string {
  return JSON.stringify({
    scope: principal.authentication.scope,
    type: principal.authentication.type,
    issuer: 'iothub',
    acceptingIpFilterRule: null,
  })
}
