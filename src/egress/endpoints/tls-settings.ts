import { Fault } from '#base'
import type { EndpointPorts } from '../endpoint.ts'
import type { SettingsReader } from './settings.ts'

/** How an endpoint's TLS is verified and, where it wants a client certificate, proven. There is no setting that turns verification off. */
export type TlsSettings = {
  /** Authorities, as PEM, in place of those that Node trusts. */
  readonly ca: string | undefined
  /** The certificate that the hub shows, with its chain, and the secret that holds its key as PEM. */
  readonly client: { readonly certificates: string; readonly keySecret: string } | undefined
}

/** What `tls.connect` takes of it. */
export type TlsOptions = { readonly minVersion: 'TLSv1.2'; readonly ca?: string; readonly cert?: string; readonly key?: string }

/** Reads `ca`, `clientCertificate` and `clientKeySecret`. */
export function readTls(reader: SettingsReader): TlsSettings {
  const ca = reader.optionalCertificates('ca')
  const certificates = reader.optionalCertificates('clientCertificate')
  const keySecret = reader.optionalSecret('clientKeySecret')
  if ((certificates === undefined) !== (keySecret === undefined)) reader.wrong('clientCertificate and clientKeySecret need each other')
  return { ca, client: certificates === undefined || keySecret === undefined ? undefined : { certificates, keySecret } }
}

/** The options of one connection. Throws the Fault of {@link secretText}. */
export function tlsOptions({ ca, client }: TlsSettings, ports: Pick<EndpointPorts, 'secret'>): TlsOptions {
  return {
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca }),
    ...(client === undefined ? {} : { cert: client.certificates, key: secretText(client.keySecret, ports) }),
  }
}

/** A secret as the text that a client's package wants, without a line end. Throws the Fault `egress/secret-missing`: the endpoint waits until it is there. */
export function secretText(name: string, ports: Pick<EndpointPorts, 'secret'>): string {
  const secret = ports.secret(name)
  if (secret === undefined) throw new Fault('egress/secret-missing', `The secret ${name} of this endpoint is not there.`)
  return secret.use((bytes) => bytes.toString('utf8')).replace(/\r?\n$/, '')
}
