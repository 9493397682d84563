import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readResources } from './resources.ts'

const ca = `-----BEGIN CERTIFICATE-----
MIIBHzCBxqADAgECAgEBMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAWEwHhcNMjYw
-----END CERTIFICATE-----
`
const head = (kind: string, name: string, apiVersion = 'mqttbroker.iotoperations.azure.com/v1') => ({
  apiVersion,
  kind,
  metadata: { name },
})
const clientCa = { ...head('ConfigMap', 'client-ca', 'v1'), data: { 'any-key': ca } }
const authentication = (...authenticationMethods: readonly unknown[]) => ({
  ...head('BrokerAuthentication', 'plant'),
  spec: { authenticationMethods },
})
const custom = (settings: Record<string, unknown>) =>
  authentication({ method: 'Custom', customSettings: { endpoint: 'https://auth.example', ...settings } })

function problems(...documents: readonly unknown[]): readonly string[] {
  const read = readResources([{ name: 'f', text: documents.map((one) => JSON.stringify(one)).join('\n---\n') }])
  return read.ok ? [] : read.error.problems.map(({ path, code }) => `${path} ${code}`)
}

test('a document of the modelled product loads unchanged, with its defaults (edge.md 1.4)', () => {
  const text = `
apiVersion: mqttbroker.iotoperations.azure.com/v1beta1
kind: BrokerAuthentication
metadata:
  name: plant-x509
  namespace: azure-iot-operations
spec:
  authenticationMethods:
    - method: X509
      x509Settings:
        trustedClientCaCert: client-ca
        additionalValidation: AzureDeviceRegistry
        authorizationAttributes:
          root:
            subject: CN = Contoso Root CA Cert, OU = Engineering, C = US
            attributes:
              organization: contoso
          intermediate:
            subject: CN = Contoso Intermediate CA
            attributes:
              city: seattle
    - method: ServiceAccountToken
      serviceAccountTokenSettings:
        audiences: [aio-internal]
    - method: Custom
      customSettings:
        endpoint: https://auth-server.example/path
        headers: {x-plant: "7"}
---
apiVersion: mqttbroker.thingwall/v1
kind: BrokerAuthentication
metadata: {name: bare}
spec: {authenticationMethods: [{method: X509}]}
`
  const read = readResources([
    { name: 'a', text },
    { name: 'b', text: JSON.stringify(clientCa) },
  ])
  assert.ok(read.ok, JSON.stringify(read))
  const [first, second] = read.value.authentications
  assert.deepEqual(
    first?.methods.map(({ method }) => method),
    ['X509', 'ServiceAccountToken', 'Custom'],
  )
  const [x509] = first?.methods ?? []
  assert.ok(x509?.method === 'X509' && x509.registered && x509.attributes.length === 2)
  assert.deepEqual(second?.methods, [{ method: 'X509', trustedClientCaCert: 'client-ca', attributes: [], registered: false }])
})

const refused: readonly (readonly [string, readonly unknown[], string])[] = [
  ['an unknown field', [{ ...authentication({ method: 'X509' }), specs: 1 }, clientCa], 'f#0.specs unknown-field'],
  [
    'an unknown field inside',
    [authentication({ method: 'X509', x509Setings: {} }), clientCa],
    'f#0.spec.authenticationMethods[0].x509Setings unknown-field',
  ],
  ['an unknown method', [authentication({ method: 'Ldap' })], 'f#0.spec.authenticationMethods[0].method unknown-word'],
  ['no method', [authentication({})], 'f#0.spec.authenticationMethods[0].method missing-field'],
  ['no methods', [authentication()], 'f#0.spec.authenticationMethods empty'],
  ['no spec', [head('BrokerAuthentication', 'plant')], 'f#0.spec missing-field'],
  ['a bad name', [{ ...authentication({ method: 'X509' }), metadata: { name: 'Plant_1' } }, clientCa], 'f#0.metadata.name bad-name'],
  ['another API group', [{ ...authentication({ method: 'X509' }), apiVersion: 'v1' }, clientCa], 'f#0.apiVersion unknown-api-version'],
  [
    'settings of another method',
    [authentication({ method: 'X509', customSettings: { endpoint: 'https://a.example' } }), clientCa],
    'f#0.spec.authenticationMethods[0].customSettings settings-mismatch',
  ],
  [
    'a token method without settings',
    [authentication({ method: 'ServiceAccountToken' })],
    'f#0.spec.authenticationMethods[0].serviceAccountTokenSettings missing-field',
  ],
  [
    'empty audiences',
    [authentication({ method: 'ServiceAccountToken', serviceAccountTokenSettings: { audiences: [] } })],
    'f#0.spec.authenticationMethods[0].serviceAccountTokenSettings.audiences empty',
  ],
  [
    'an http endpoint',
    [custom({ endpoint: 'http://auth.example' })],
    'f#0.spec.authenticationMethods[0].customSettings.endpoint not-https',
  ],
  [
    'an endpoint with a query',
    [custom({ endpoint: 'https://auth.example/?x=1' })],
    'f#0.spec.authenticationMethods[0].customSettings.endpoint not-https',
  ],
  [
    'an endpoint with a password',
    [custom({ endpoint: 'https://u:p@auth.example' })],
    'f#0.spec.authenticationMethods[0].customSettings.endpoint not-https',
  ],
  ['a header of ours', [custom({ headers: { Host: 'x' } })], 'f#0.spec.authenticationMethods[0].customSettings.headers.Host bad-header'],
  [
    'a header that splits',
    [custom({ headers: { a: 'x\r\ny: z' } })],
    'f#0.spec.authenticationMethods[0].customSettings.headers.a bad-header',
  ],
  ['a header that is a number', [custom({ headers: { a: 7 } })], 'f#0.spec.authenticationMethods[0].customSettings.headers.a wrong-type'],
  [
    'a secret that is not there',
    [custom({ auth: { x509: { secretRef: 'nobody' } } })],
    'plant.spec.authenticationMethods[0].customSettings.auth.x509.secretRef missing-reference',
  ],
  [
    'a CA that is not there',
    [custom({ caCertConfigMap: 'nobody' })],
    'plant.spec.authenticationMethods[0].customSettings.caCertConfigMap missing-reference',
  ],
  [
    'a trust bundle that is not there',
    [authentication({ method: 'X509' })],
    'plant.spec.authenticationMethods[0].x509Settings.trustedClientCaCert missing-reference',
  ],
  [
    'an empty trust bundle',
    [authentication({ method: 'X509' }), { ...clientCa, data: {} }],
    'plant.spec.authenticationMethods[0].x509Settings.trustedClientCaCert empty',
  ],
  ['a bundle of junk', [authentication({ method: 'X509' }), { ...clientCa, data: { a: 'junk' } }], 'f#1.data.a bad-pem'],
  [
    'a private key in a ConfigMap',
    [{ ...clientCa, data: { a: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n' } }],
    'f#0.data.a bad-pem',
  ],
  [
    'two of one name',
    [authentication({ method: 'X509' }), authentication({ method: 'X509' }), clientCa],
    'f#1.metadata.name duplicate-name',
  ],
  ['an unknown kind', [head('Broker', 'plant')], 'f#0.kind unknown-kind'],
  [
    'a reserved attribute',
    [
      authentication({
        method: 'X509',
        x509Settings: { authorizationAttributes: { a: { subject: 'CN = a', attributes: { 'thingwall.device': 'pump-1' } } } },
      }),
      clientCa,
    ],
    'f#0.spec.authenticationMethods[0].x509Settings.authorizationAttributes.a.attributes.thingwall.device bad-attribute',
  ],
  [
    'equal subjects, however they are written',
    [
      authentication({
        method: 'X509',
        x509Settings: { authorizationAttributes: { a: { subject: 'CN = a', attributes: {} }, b: { subject: 'cn=a', attributes: {} } } },
      }),
      clientCa,
    ],
    'f#0.spec.authenticationMethods[0].x509Settings.authorizationAttributes.b.subject equal-subjects',
  ],
  [
    'a subject that is none',
    [authentication({ method: 'X509', x509Settings: { authorizationAttributes: { a: { subject: 'pump', attributes: {} } } } }), clientCa],
    'f#0.spec.authenticationMethods[0].x509Settings.authorizationAttributes.a.subject bad-subject',
  ],
]
for (const [what, documents, expected] of refused)
  test(`BrokerAuthentication: ${what} is refused with its place (edge.md 1.18)`, () =>
    assert.ok(problems(...documents).includes(expected), problems(...documents).join('\n')))

test('annotations of service accounts are attributes, other annotations are not (edge.md 1.8)', () => {
  const account = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'mqtt-client', namespace: 'plant', annotations: { 'aio-broker-auth/group': 'authz-sat', other: 'x' } },
  }
  const read = readResources([{ name: 'f', text: JSON.stringify(account) }])
  assert.ok(read.ok)
  assert.deepEqual([...read.value.accounts], [['system:serviceaccount:plant:mqtt-client', new Map([['group', 'authz-sat']])]])
})
