import { type Result, Secret, ok } from '#base'
import { decodePem } from '#wire/x509'
import { Fields } from '../documents/fields.ts'
import { type Problems, refuseWith } from '../documents/problems.ts'
import { type Problem, type RawDocument, readDocuments } from '../documents/read.ts'
import { type AuthenticationDocument, readAuthentication } from './document.ts'
import { isUsableAttribute } from './identity.ts'

/** Certificates and revocation lists of a ConfigMap, DER. */
export type TrustBundle = { readonly certificates: readonly Buffer[]; readonly revocationLists: readonly Buffer[] }

/** Our client certificate towards a webhook. */
export type ClientKey = { readonly certificatePem: string; readonly keyPem: Secret }

/** All that was loaded: BrokerAuthentication documents and what they refer to, by name. */
export type Resources = {
  readonly authentications: readonly AuthenticationDocument[]
  readonly bundles: ReadonlyMap<string, TrustBundle>
  readonly clientKeys: ReadonlyMap<string, ClientKey>
  /** By `sub`: the attributes that annotations of service accounts give (edge.md 1.8). */
  readonly accounts: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/** Nothing at all: registered devices only. */
export const noResources: Resources = { authentications: [], bundles: new Map(), clientKeys: new Map(), accounts: new Map() }

/** Annotations of a ServiceAccount that begin so are attributes, without it (edge.md 1.8). */
const annotationPrefix = 'aio-broker-auth/'
const defaultNamespace = 'azure-iot-operations'

type Loading = {
  readonly problems: Problem[]
  readonly authentications: AuthenticationDocument[]
  readonly bundles: Map<string, TrustBundle>
  readonly clientKeys: Map<string, ClientKey>
  readonly accounts: Map<string, ReadonlyMap<string, string>>
}

/**
 * Reads the texts that configure authentication: BrokerAuthentication, ConfigMap, Secret and ServiceAccount documents, in any order and any
 * number of texts. All or nothing: `access/authentication-invalid` with every problem, also for references that lead nowhere.
 */
export function readResources(texts: readonly { readonly name: string; readonly text: string }[]): Result<Resources, Problems> {
  const loading: Loading = { problems: [], authentications: [], bundles: new Map(), clientKeys: new Map(), accounts: new Map() }
  for (const { name, text } of texts) {
    const read = readDocuments(text)
    if (!read.ok) loading.problems.push({ path: name, code: 'malformed', message: read.error.message })
    else if (read.value.length === 0) loading.problems.push({ path: name, code: 'empty', message: 'There is no document in this file.' })
    else for (const raw of read.value) readOne(raw, `${name}#${raw.index}`, loading)
  }
  for (const { name, methods } of loading.authentications) checkReferences(name, methods, loading)
  const { problems, ...resources } = loading
  return problems.length > 0 ? refuseWith('access/authentication-invalid', problems) : ok(resources)
}

function readOne(raw: RawDocument, where: string, loading: Loading): void {
  const problems: Problem[] = []
  const kind = raw.fields.get('kind')
  if (kind === 'ConfigMap') readConfigMap(new Fields(raw.fields, '', problems), loading)
  else if (kind === 'Secret') readSecret(new Fields(raw.fields, '', problems), loading)
  else if (kind === 'ServiceAccount') readAccount(new Fields(raw.fields, '', problems), loading)
  else if (kind === 'BrokerAuthentication') {
    const read = readAuthentication(raw, problems)
    if (read !== undefined && loading.authentications.some(({ name }) => name === read.name))
      problems.push({ path: 'metadata.name', code: 'duplicate-name', message: `There are two BrokerAuthentication named ${read.name}.` })
    if (read !== undefined) loading.authentications.push(read)
  } else
    problems.push({
      path: 'kind',
      code: 'unknown-kind',
      message: 'The kind must be BrokerAuthentication, ConfigMap, Secret or ServiceAccount.',
    })
  for (const { path, code, message } of problems) loading.problems.push({ path: path === '' ? where : `${where}.${path}`, code, message })
}

/** What a core (`v1`) resource says about itself. Names are looser than ours: a DNS subdomain. */
function coreName(
  document: Fields,
  ...beside: readonly string[]
): { readonly name: string; readonly namespace: string; readonly metadata: Fields | undefined } {
  document.only('apiVersion', 'kind', 'metadata', ...beside)
  if (document.requiredText('apiVersion') !== 'v1') document.wrong('apiVersion', 'unknown-api-version', 'This kind has apiVersion v1.')
  document.required('metadata')
  const metadata = document.object('metadata')
  metadata?.only('name', 'namespace', 'labels', 'annotations')
  const name = metadata?.requiredText('name') ?? ''
  const namespace = metadata?.text('namespace') ?? defaultNamespace
  for (const [field, value] of [
    ['name', name],
    ['namespace', namespace],
  ] as const)
    if (metadata?.has(field) === true && !/^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(value))
      metadata.wrong(field, 'bad-name', 'A name is made of lower-case letters, digits, hyphens and dots.')
  return { name, namespace, metadata }
}

function readConfigMap(document: Fields, { bundles }: Loading): void {
  const { name } = coreName(document, 'data', 'binaryData', 'immutable')
  if (bundles.has(name)) document.wrong('metadata.name', 'duplicate-name', `There are two ConfigMaps named ${name}.`)
  const certificates: Buffer[] = []
  const revocationLists: Buffer[] = []
  const data = document.object('data')
  for (const [key, text] of data?.textMap() ?? []) {
    const list = key.endsWith('.crl')
    const read = decodePem(list ? 'X509 CRL' : 'CERTIFICATE', text)
    if (read.ok) (list ? revocationLists : certificates).push(...read.value)
    else data?.wrong(key, 'bad-pem', read.error.message)
  }
  const binary = document.object('binaryData')
  for (const [key, text] of binary?.textMap() ?? []) {
    const bytes = Buffer.from(text, 'base64')
    if (!key.endsWith('.crl') || bytes.length === 0)
      binary?.wrong(key, 'bad-pem', 'Binary data holds revocation lists, in base64, under a name that ends in .crl.')
    else revocationLists.push(bytes)
  }
  bundles.set(name, { certificates, revocationLists })
}

function readSecret(document: Fields, { clientKeys }: Loading): void {
  const { name } = coreName(document, 'data', 'stringData', 'type', 'immutable')
  document.text('type')
  if (clientKeys.has(name)) document.wrong('metadata.name', 'duplicate-name', `There are two Secrets named ${name}.`)
  const plain = document.object('stringData')?.textMap()
  const encoded = document.object('data')?.textMap()
  const value = (key: string) => plain?.get(key) ?? Buffer.from(encoded?.get(key) ?? '', 'base64').toString('utf8')
  const certificatePem = value('tls.crt')
  const keyPem = value('tls.key')
  if (!decodePem('CERTIFICATE', certificatePem).ok) document.wrong('data', 'bad-pem', 'tls.crt must be there: certificates in PEM.')
  if (!keyPem.includes('PRIVATE KEY-----')) document.wrong('data', 'bad-pem', 'tls.key must be there: a private key in PEM.')
  clientKeys.set(name, { certificatePem, keyPem: new Secret(Buffer.from(keyPem)) })
}

function readAccount(document: Fields, { accounts }: Loading): void {
  const { name, namespace, metadata } = coreName(document, 'secrets', 'imagePullSecrets', 'automountServiceAccountToken')
  const subject = `system:serviceaccount:${namespace}:${name}`
  if (accounts.has(subject)) document.wrong('metadata.name', 'duplicate-name', `There are two ServiceAccounts ${name} in ${namespace}.`)
  const annotations = metadata?.object('annotations')
  const attributes = new Map<string, string>()
  for (const [key, value] of annotations?.textMap() ?? []) {
    if (!key.startsWith(annotationPrefix)) continue
    const attribute = key.slice(annotationPrefix.length)
    if (isUsableAttribute(attribute, value)) attributes.set(attribute, value)
    else annotations?.wrong(key, 'bad-attribute', 'This attribute is reserved, too long, or not plain text.')
  }
  accounts.set(subject, attributes)
}

function checkReferences(name: string, methods: AuthenticationDocument['methods'], { problems, bundles, clientKeys }: Loading): void {
  const missing = (at: number, path: string, kind: string, wanted: string) =>
    problems.push({
      path: `${name}.spec.authenticationMethods[${at}].${path}`,
      code: 'missing-reference',
      message: `There is no ${kind} named ${wanted} in any of the files.`,
    })
  for (const [at, method] of methods.entries()) {
    if (method.method === 'X509') {
      const bundle = bundles.get(method.trustedClientCaCert)
      if (bundle === undefined) missing(at, 'x509Settings.trustedClientCaCert', 'ConfigMap', method.trustedClientCaCert)
      else if (bundle.certificates.length === 0)
        problems.push({
          path: `${name}.spec.authenticationMethods[${at}].x509Settings.trustedClientCaCert`,
          code: 'empty',
          message: `ConfigMap ${method.trustedClientCaCert} holds no certificate.`,
        })
    }
    if (method.method !== 'Custom') continue
    const { caCertConfigMap, clientSecret } = method
    const bundle = caCertConfigMap === undefined ? undefined : bundles.get(caCertConfigMap)
    // An empty bundle would fall back to the authorities of the system, which nobody asked for.
    if (caCertConfigMap !== undefined && (bundle?.certificates.length ?? 0) === 0)
      missing(at, 'customSettings.caCertConfigMap', 'ConfigMap with certificates', caCertConfigMap)
    if (clientSecret !== undefined && !clientKeys.has(clientSecret))
      missing(at, 'customSettings.auth.x509.secretRef', 'Secret', clientSecret)
  }
}
