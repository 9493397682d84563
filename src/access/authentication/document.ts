import { type Fields, readEnvelope } from '../documents/fields.ts'
import type { Problem, RawDocument } from '../documents/read.ts'
import { identityLimits, isUsableAttribute } from './identity.ts'
import { type SubjectName, isSameName, parseSubjectName } from './subject-name.ts'

/** Method X509 as written (edge.md 1.6): whom to trust, and which attributes go with which subject. */
export type X509Settings = {
  readonly method: 'X509'
  /** The ConfigMap with the authorities. */
  readonly trustedClientCaCert: string
  /** In the order of the document; at most one fits a certificate, since subjects differ. */
  readonly attributes: readonly { readonly subject: SubjectName; readonly attributes: ReadonlyMap<string, string> }[]
  /** Whether the common name must also be an enabled device of the registry. */
  readonly registered: boolean
}

/** Method ServiceAccountToken as written (edge.md 1.8). */
export type TokenSettings = { readonly method: 'ServiceAccountToken'; readonly audiences: readonly string[] }

/** Method Custom as written (edge.md 1.7). */
export type CustomSettings = {
  readonly method: 'Custom'
  readonly endpoint: URL
  /** ConfigMap with the authorities of the server; undefined: those of the system. */
  readonly caCertConfigMap: string | undefined
  /** Secret with `tls.crt` and `tls.key` of our client certificate. */
  readonly clientSecret: string | undefined
  readonly headers: ReadonlyMap<string, string>
}

/** One element of `authenticationMethods`. */
export type MethodSettings = X509Settings | TokenSettings | CustomSettings

/** A BrokerAuthentication document, read; what it refers to has not been looked for. */
export type AuthenticationDocument = { readonly name: string; readonly methods: readonly MethodSettings[] }

const most = { methods: 16, entries: 1_000, audiences: 64, headers: 32, headerCharacters: 4_096 } as const
const settingsOf = { X509: 'x509Settings', ServiceAccountToken: 'serviceAccountTokenSettings', Custom: 'customSettings' } as const

/** Reads a BrokerAuthentication document (edge.md 1.4, 1.18). Undefined when something is wrong, which is then among `problems`. */
export function readAuthentication(raw: RawDocument, problems: Problem[]): AuthenticationDocument | undefined {
  const before = problems.length
  const { name, spec, document } = readEnvelope(raw, problems, ['status'])
  document.required('spec')
  if (spec === undefined) return undefined
  spec.only('authenticationMethods')
  spec.required('authenticationMethods')
  const elements = spec.objects('authenticationMethods')
  if (elements.length === 0 && problems.length === before) spec.wrong('authenticationMethods', 'empty', 'At least one method is needed.')
  if (elements.length > most.methods) spec.wrong('authenticationMethods', 'too-many', `At most ${most.methods} methods can be listed.`)
  const methods = elements.slice(0, most.methods).map(readMethod)
  const read = methods.filter((method) => method !== undefined)
  return problems.length === before ? { name, methods: read } : undefined
}

function readMethod(element: Fields): MethodSettings | undefined {
  element.only('method', ...Object.values(settingsOf))
  element.required('method')
  const method = element.word('method', 'X509', 'ServiceAccountToken', 'Custom')
  if (method === undefined) return undefined
  const own = settingsOf[method]
  for (const other of Object.values(settingsOf))
    if (other !== own && element.has(other)) element.wrong(other, 'settings-mismatch', `Method ${method} has ${own}, and only that.`)
  // X509 works with nothing said: its ConfigMap has a name by default.
  if (method !== 'X509') element.required(own)
  const settings = element.object(own)
  if (method === 'X509') return readX509(settings)
  if (settings === undefined) return undefined
  return method === 'Custom' ? readCustom(settings) : readTokens(settings)
}

function readX509(settings: Fields | undefined): X509Settings {
  settings?.only('trustedClientCaCert', 'authorizationAttributes', 'additionalValidation')
  const registered = settings?.word('additionalValidation', 'None', 'DeviceRegistry', 'AzureDeviceRegistry') ?? 'None'
  const attributes: { readonly subject: SubjectName; readonly attributes: ReadonlyMap<string, string> }[] = []
  const labels = settings?.object('authorizationAttributes')
  for (const label of labels?.names() ?? []) {
    const entry = labels?.object(label)
    entry?.only('subject', 'attributes')
    entry?.required('attributes')
    const subject = parseSubjectName(entry?.requiredText('subject') ?? '')
    const given = entry?.object('attributes')
    if (entry === undefined || given === undefined) continue
    if (!subject.ok) {
      if (entry.has('subject')) entry.wrong('subject', 'bad-subject', subject.error.message)
      continue
    }
    if (attributes.some((known) => isSameName(known.subject, subject.value)))
      entry.wrong('subject', 'equal-subjects', 'Another entry has the same subject, and only one could count.')
    const values = given.textMap()
    if (values.size > identityLimits.attributes)
      given.wrong('', 'too-many', `At most ${identityLimits.attributes} attributes can be given.`)
    for (const [name, value] of values)
      if (!isUsableAttribute(name, value)) given.wrong(name, 'bad-attribute', 'This attribute is reserved, too long, or not plain text.')
    attributes.push({ subject: subject.value, attributes: values })
  }
  if (attributes.length > most.entries) settings?.wrong('authorizationAttributes', 'too-many', `At most ${most.entries} entries are taken.`)
  return {
    method: 'X509',
    trustedClientCaCert: settings?.text('trustedClientCaCert') ?? 'client-ca',
    attributes,
    registered: registered !== 'None',
  }
}

function readTokens(settings: Fields): TokenSettings {
  settings.only('audiences')
  settings.required('audiences')
  const audiences = settings.texts('audiences')
  if (settings.has('audiences') && audiences.length === 0) settings.wrong('audiences', 'empty', 'At least one audience is needed.')
  if (audiences.length > most.audiences) settings.wrong('audiences', 'too-many', `At most ${most.audiences} audiences can be listed.`)
  if (audiences.includes('')) settings.wrong('audiences', 'empty', 'An audience is not empty.')
  return { method: 'ServiceAccountToken', audiences }
}

// Those that say how the request is read; they are ours to write.
const ourHeaders: ReadonlySet<string> = new Set(
  'host,content-length,content-type,content-encoding,connection,transfer-encoding,upgrade,te,trailer,expect'.split(','),
)

function readCustom(settings: Fields): CustomSettings | undefined {
  settings.only('endpoint', 'caCertConfigMap', 'auth', 'headers')
  const endpoint = parseEndpoint(settings.requiredText('endpoint') ?? '')
  if (endpoint === undefined && settings.has('endpoint'))
    settings.wrong('endpoint', 'not-https', 'The endpoint is an https:// URL without credentials, query and fragment.')
  const auth = settings.object('auth')
  auth?.only('x509')
  auth?.required('x509')
  const x509 = auth?.object('x509')
  x509?.only('secretRef', 'namespace')
  x509?.text('namespace')
  const clientSecret = x509?.requiredText('secretRef')
  const headers = settings.object('headers')
  const given = headers?.textMap() ?? new Map<string, string>()
  if (given.size > most.headers) headers?.wrong('', 'too-many', `At most ${most.headers} headers can be given.`)
  for (const [name, value] of given) {
    const plain =
      /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name) && /^[\u0020-\u007e]*$/.test(value) && value.length <= most.headerCharacters
    if (!plain || ourHeaders.has(name.toLowerCase())) headers?.wrong(name, 'bad-header', 'This header is ours to write, or is no header.')
  }
  if (endpoint === undefined) return undefined
  return { method: 'Custom', endpoint, caCertConfigMap: settings.text('caCertConfigMap'), clientSecret, headers: given }
}

/** `<endpoint>/?api-version=0.5.0` is what will be asked, so nothing may stand behind the path. */
function parseEndpoint(text: string): URL | undefined {
  if (!text.startsWith('https://') || !URL.canParse(text)) return undefined
  const url = new URL(text)
  const plain = url.username === '' && url.password === '' && !text.includes('?') && !text.includes('#')
  return plain && url.protocol === 'https:' && url.hostname !== '' ? url : undefined
}
