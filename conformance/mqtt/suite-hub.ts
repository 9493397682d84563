import { type KeyObject, generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HubProcess } from '../hub.ts'

/** Who signs the tokens of a hub under test, as a Kubernetes cluster does. */
export class TokenIssuer implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'thingwall-tokens-'))
  readonly #key: KeyObject

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#key = privateKey
    writeFileSync(this.#path('keys.json'), JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1' }] }))
    writeFileSync(this.#path('authentication.yaml'), documents)
  }

  /** Settings of a hub that takes these tokens, YAML. */
  get settings(): string {
    const [file, keys] = [this.#path('authentication.yaml'), this.#path('keys.json')].map((path) => JSON.stringify(path))
    return `authentication:
  documents: [${file}]
  serviceAccounts: {issuer: suite, keys: ${keys}}
broker: {deniedDelaySeconds: 0}
`
  }

  /** A token of the service account `name`, good for ten minutes from now; `over` changes what it claims. */
  token(name: string, over: Readonly<Record<string, unknown>> = {}): string {
    const at = Math.floor(Date.now() / 1000)
    const claims = { iss: 'suite', sub: `system:serviceaccount:suite:${name}`, aud: ['suite'], iat: at, nbf: at, exp: at + 600, ...over }
    const signed = [{ alg: 'ES256', kid: 'k1' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    return `${signed}.${sign('sha256', Buffer.from(signed), { key: this.#key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }

  #path(name: string): string {
    return join(this.#folder, name)
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const documents = `apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerAuthentication
metadata: {name: suite}
spec:
  authenticationMethods:
    - method: ServiceAccountToken
      serviceAccountTokenSettings: {audiences: [suite]}
`

/** What transcripts may do who are no devices: everything there is to see, and to speak where no device may. */
const policy = `apiVersion: mqttbroker.thingwall/v1
kind: BrokerAuthorization
metadata: {name: suite}
spec:
  authorizationPolicies:
    rules:
      - principals: {usernames: ["system:serviceaccount:suite:historian"]}
        brokerResources:
          - {method: Connect}
          - {method: Publish, topics: ["$suite/#", "devices/#"]}
          - {method: Subscribe, topics: ["#", "$suite/#"]}
`

/** The hub that transcripts speak with: devices, and service accounts of which `historian` has rights and no other has any. */
export type SuiteHub = AsyncDisposable & { readonly hub: HubProcess; readonly issuer: TokenIssuer }

/** Opens it, with the policy applied over the API. */
export async function openSuiteHub(): Promise<SuiteHub> {
  await using scope = new AsyncDisposableStack()
  const issuer = scope.use(new TokenIssuer())
  const hub = scope.use(await HubProcess.open({ settings: issuer.settings }))
  const { status, text } = await hub.api('POST', '/api/v1/policies', { text: policy })
  if (status !== 200) throw new Error(`the suite's policy was not applied: ${status} ${text}`)
  const opened = scope.move()
  return { hub, issuer, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}
