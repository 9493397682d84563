import type { Clock, DeviceId, Result } from '#base'
import { ok, refuse } from '#base'
import { encodePem } from '#wire/x509'
import type { AuthenticationPorts } from '../ports.ts'
import { authenticateBy, reauthenticateBy } from './authentication.ts'
import { Breaker, breakerLimits } from './breaker.ts'
import type { Authenticate, AuthenticateDevice, Reauthenticate } from './contract.ts'
import { customMethod } from './custom-method.ts'
import { deviceClaims } from './device-claim.ts'
import type { CustomSettings, MethodSettings, X509Settings } from './document.ts'
import type { HttpsConfig, openHttpsClient } from './https-client.io.ts'
import { identityOf } from './identity.ts'
import { KeySet } from './key-set.ts'
import type { Method } from './method.ts'
import { registeredMethod } from './registered.ts'
import type { Resources, TrustBundle } from './resources.ts'
import { type VerifyToken, tokenMethod } from './token-method.ts'
import { reviewLimits, reviewToken } from './token-review.ts'
import { verifyToken } from './token.ts'
import { webhookLimits } from './webhook.ts'
import { type VerifyTrusted, x509Method } from './x509-method.ts'

/** How tokens of service accounts are proven: by the keys of their issuer, or by asking a Kubernetes API. */
export type ServiceAccounts =
  | { readonly by: 'keys'; readonly issuer: string; readonly readKeys: () => Promise<string | undefined> }
  | {
      readonly by: 'review'
      readonly endpoint: URL
      readonly caPem: string | undefined
      readonly bearer: () => Promise<string | undefined>
    }

/** What authentication is made of. */
export type AuthenticationConfig = { readonly resources: Resources; readonly serviceAccounts: ServiceAccounts | undefined }

/** What the authentication methods ask of the rest of the house. */
export type MethodPorts = {
  readonly registry: AuthenticationPorts
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  /** The PKI's: opens trust in a bundle of somebody else's authorities. */
  openTrust(bundle: TrustBundle): Result<VerifyTrusted>
  readonly openHttps: typeof openHttpsClient
}

/** Who clients are, decided. Dispose of it to close its connections to others. */
export interface Authentication extends Disposable {
  readonly authenticate: Authenticate
  readonly reauthenticate: Reauthenticate
  readonly authenticateDevice: AuthenticateDevice
  /** Method names in their order, without the built-in one. */
  readonly methods: readonly string[]
  /** Authorities of method X509, PEM: what the TLS listener names when it asks for a certificate. */
  readonly trustAnchorsPem: string
  /** Identities besides its own that live only as long as this device is enabled (edge.md 1.6, 9). */
  identitiesTiedTo(device: DeviceId): readonly DeviceId[]
}

/**
 * Opens authentication for the loaded documents. Refuses `access/authentication-invalid` when more than one BrokerAuthentication is there, when
 * service account tokens are to be taken and nobody said whose, and when an authority cannot be trusted.
 */
export function openAuthentication(config: AuthenticationConfig, ports: MethodPorts): Result<Authentication> {
  const { resources, serviceAccounts } = config
  const [document, second] = resources.authentications
  if (second !== undefined)
    return refuse('access/authentication-invalid', 'All listeners share one BrokerAuthentication, and there are several in the files.')
  const clients = new DisposableStack()
  const https = (how: HttpsConfig) => clients.use(ports.openHttps(how)).ask
  const methods: Method[] = []
  for (const settings of document?.methods ?? []) {
    const made = methodFor(settings, { resources, serviceAccounts, ports, https })
    if (!made.ok) {
      clients.dispose()
      return made
    }
    methods.push(made.value)
  }
  const registered = registeredMethod(ports.registry, methods.length === 0)
  const x509 = (document?.methods ?? []).filter((settings) => settings.method === 'X509')
  const anchors = x509.flatMap(({ trustedClientCaCert }) => resources.bundles.get(trustedClientCaCert)?.certificates ?? [])
  const tied = x509.some((settings) => settings.registered)
  return ok({
    authenticate: (credentials) => authenticateBy(registered, methods, credentials, ports.clock.now()),
    reauthenticate: (principal, method, data) => reauthenticateBy(methods, principal, method, Buffer.from(data), ports.clock.now()),
    authenticateDevice: deviceClaims(ports.registry, () => ports.clock.now()),
    methods: methods.map(({ name }) => name),
    trustAnchorsPem: pemOf(anchors),
    identitiesTiedTo: (device) => (tied ? [identityOf('x509:', device)] : []),
    [Symbol.dispose]: () => clients.dispose(),
  })
}

type Making = AuthenticationConfig & {
  readonly ports: MethodPorts
  readonly https: (how: HttpsConfig) => ReturnType<typeof openHttpsClient>['ask']
}

function methodFor(settings: MethodSettings, making: Making): Result<Method> {
  if (settings.method === 'X509') return certificateMethodFor(settings, making)
  if (settings.method === 'Custom') return ok(webhookMethodFor(settings, making))
  const verify = verifierOf(settings.audiences, making)
  return verify.ok ? ok(tokenMethod(verify.value, making.resources.accounts)) : verify
}

function certificateMethodFor(settings: X509Settings, { resources, ports }: Making): Result<Method> {
  const bundle = resources.bundles.get(settings.trustedClientCaCert)
  if (bundle === undefined) throw new Error('bug: a reference that was checked leads nowhere')
  const verify = ports.openTrust(bundle)
  if (verify.ok) return ok(x509Method(settings, verify.value, ports.registry))
  const { message, detail } = verify.error
  return refuse('access/authentication-invalid', `ConfigMap ${settings.trustedClientCaCert}: ${message}`, detail)
}

function webhookMethodFor(settings: CustomSettings, { resources, ports, https }: Making): Method {
  const { caCertConfigMap, clientSecret } = settings
  const bundle = caCertConfigMap === undefined ? undefined : resources.bundles.get(caCertConfigMap)
  const ask = https({
    caPem: bundle === undefined ? undefined : pemOf(bundle.certificates),
    client: clientSecret === undefined ? undefined : resources.clientKeys.get(clientSecret),
    ...webhookLimits,
    sockets: breakerLimits.running,
  })
  return customMethod(settings, { ask, breaker: new Breaker(ports.clock), clock: ports.clock })
}

function verifierOf(audiences: readonly string[], { serviceAccounts, ports, https }: Making): Result<VerifyToken> {
  if (serviceAccounts === undefined)
    return refuse(
      'access/authentication-invalid',
      'Method ServiceAccountToken needs authentication.serviceAccounts in the settings: whose tokens, and where their keys are.',
    )
  if (serviceAccounts.by === 'keys') {
    const keys = new KeySet(serviceAccounts.readKeys, ports.clock)
    return ok((token, now) => verifyToken(token, { issuer: serviceAccounts.issuer, audiences }, keys, now))
  }
  const { endpoint, caPem, bearer } = serviceAccounts
  const ask = https({ caPem, client: undefined, ...reviewLimits, sockets: breakerLimits.running })
  const breaker = new Breaker(ports.clock)
  return ok((token) => reviewToken(token, audiences, { ask, breaker, url: endpoint, bearer }))
}

function pemOf(certificates: readonly Buffer[]): string {
  return certificates.map((der) => encodePem('CERTIFICATE', der)).join('')
}
