import { inspect } from 'node:util'
import { instant } from '#base'
import type { MethodSettings } from './document.ts'
import { identityLimits, isUsableAttribute } from './identity.ts'
import { type Resources, readResources } from './resources.ts'
import { isSameName, parseSubjectName } from './subject-name.ts'
import { judgeAnswer } from './webhook.ts'

const now = instant(1_800_000_000_000)

/**
 * A text as the documents that configure authentication, as what a webhook answers, and as a subject name. The documents are refused with
 * problems that each have a code and a sentence and repeat no key, or what they say is within its bounds, leads somewhere, and holds no key that
 * can be printed.
 */
export function target(bytes: Buffer): void {
  const text = bytes.toString('utf8')
  const read = readResources([{ name: 'fuzz.yaml', text }])
  if (read.ok) judgeResources(read.value, text)
  else {
    const { problems } = read.error
    if (problems.length === 0 || problems.some(({ code, message }) => code === '' || message === ''))
      throw new Error('a refusal says what is wrong')
    repeatsNoKey(text, JSON.stringify(problems))
  }
  const verdict = judgeAnswer({ status: 200, contentType: 'application/json', body: bytes }, now)
  if (verdict.kind === 'accept' && verdict.expiresAt !== undefined && verdict.expiresAt <= now) throw new Error('accepted until the past')
  if (verdict.kind === 'accept' && verdict.attributes.size > identityLimits.attributes) throw new Error('accepted with too many attributes')
  judgeAnswer({ status: 403, contentType: 'application/json', body: bytes }, now)
  const name = parseSubjectName(text)
  if (name.ok && !isSameName(name.value, name.value)) throw new Error('a name is not itself')
}

/** Texts that the search begins with. */
export function seeds(): readonly Buffer[] {
  return [documents, '{"expiry":"2030-05-08T20:04:16+00:00","attributes":{"group":"g1"}}', 'CN = pump-1, O = "Plant, 7", C = US'].map(
    (text) => Buffer.from(text),
  )
}

function judgeResources(resources: Resources, text: string): void {
  for (const { methods } of resources.authentications) for (const method of methods) judgeMethod(method, resources)
  for (const attributes of resources.accounts.values()) judgeAttributes(attributes)
  repeatsNoKey(text, inspect(resources, { depth: 20 }))
}

function judgeMethod(method: MethodSettings, { bundles, clientKeys }: Resources): void {
  if (method.method === 'X509') {
    if ((bundles.get(method.trustedClientCaCert)?.certificates ?? []).length === 0) throw new Error('X509 trusts nobody that there is')
    for (const { attributes } of method.attributes) judgeAttributes(attributes)
  } else if (method.method === 'Custom') {
    if (method.endpoint.protocol !== 'https:') throw new Error(`a webhook is asked over ${method.endpoint.protocol}`)
    if (method.caCertConfigMap !== undefined && !bundles.has(method.caCertConfigMap)) throw new Error('a webhook is trusted by nothing')
    if (method.clientSecret !== undefined && !clientKeys.has(method.clientSecret)) throw new Error('a client key is nowhere')
  } else if (method.audiences.length === 0 || method.audiences.includes('')) throw new Error('a token for anybody is taken')
}

function judgeAttributes(attributes: ReadonlyMap<string, string>): void {
  if (attributes.size > identityLimits.attributes) throw new Error('too many attributes')
  for (const [name, value] of attributes) if (!isUsableAttribute(name, value)) throw new Error(`an attribute called ${name}`)
}

/** Nothing of a private key in `text` stands in what is printed. */
function repeatsNoKey(text: string, printed: string): void {
  const at = text.indexOf('PRIVATE KEY-----')
  const [body = ''] = /[A-Za-z0-9+/]{24,}/.exec(at < 0 ? '' : text.slice(at + 16)) ?? []
  if (body !== '' && text.indexOf(body) === text.lastIndexOf(body) && printed.includes(body)) throw new Error('a private key is repeated')
}

const documents = `apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerAuthentication
metadata: {name: plant}
spec:
  authenticationMethods:
    - method: X509
      x509Settings:
        trustedClientCaCert: client-ca
        additionalValidation: None
        authorizationAttributes:
          line7: {subject: "CN = Contoso Line 7 CA, O = Contoso", attributes: {building: b22, role: sensor}}
    - method: ServiceAccountToken
      serviceAccountTokenSettings: {audiences: [aio-internal]}
    - method: Custom
      customSettings:
        endpoint: https://auth.plant.example/mqtt
        caCertConfigMap: client-ca
        auth: {x509: {secretRef: webhook-client}}
        headers: {x-plant: "7"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: client-ca}
data:
  ca.pem: |
    -----BEGIN CERTIFICATE-----
    MIIBHzCBxqADAgECAgEBMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAWEwHhcNMjYw
    -----END CERTIFICATE-----
---
apiVersion: v1
kind: Secret
metadata: {name: webhook-client}
stringData:
  tls.crt: |
    -----BEGIN CERTIFICATE-----
    MIIBHzCBxqADAgECAgEBMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAWEwHhcNMjYw
    -----END CERTIFICATE-----
  tls.key: |
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v1VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
    -----END PRIVATE KEY-----
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: historian
  namespace: plant
  annotations: {aio-broker-auth/group: authz-sat}
`
