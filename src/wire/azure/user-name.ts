/** The user name that Azure IoT device SDKs send: which hub, which identity, and facts about the client. */
export type AzureUserName = {
  /** As sent, perhaps with `:port`. */
  readonly host: string
  readonly deviceId: string
  readonly moduleId: string | undefined
  readonly apiVersion: string | undefined
  /** `DeviceClientType`, percent-decoded; for display only. */
  readonly clientType: string | undefined
  /** `model-id`, percent-decoded: what the device says it is (`dtmi:com:example:Thermostat;1`). Undefined also for what could be no such name. */
  readonly modelId: string | undefined
}

/** Longest model id, in characters. [S] */
const maxModelIdLength = 256

/**
 * Reads `{host}/{deviceId}[/{moduleId}][/][?]api-version=...&...`. Splits at the first `?`, else at the last segment that holds
 * `api-version=`; of duplicate parameters the first wins, unknown ones are ignored; ids are raw, never decoded. Undefined when
 * the text is not of this form, so that a plain MQTT user name is told apart.
 */
export function parseUserName(text: string): AzureUserName | undefined {
  const [path, query] = splitQuery(text)
  const segments = path.split('/')
  if (segments.at(-1) === '') segments.pop()
  const [host, deviceId, moduleId] = segments
  if (segments.length < 2 || segments.length > 3 || !host || !deviceId || moduleId === '') return undefined
  const parameters = new Map<string, string>()
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=')
    if (equals < 1) continue
    const name = pair.slice(0, equals)
    if (!parameters.has(name)) parameters.set(name, decodeLeniently(pair.slice(equals + 1)))
  }
  const modelId = parameters.get('model-id')
  return {
    host,
    deviceId,
    moduleId,
    apiVersion: parameters.get('api-version'),
    clientType: parameters.get('DeviceClientType'),
    modelId: modelId !== undefined && isModelId(modelId) ? modelId : undefined,
  }
}

function isModelId(text: string): boolean {
  return text.length <= maxModelIdLength && /^[!-~]+$/.test(text)
}

function splitQuery(text: string): readonly [string, string] {
  const mark = text.indexOf('?')
  if (mark >= 0) return [text.slice(0, mark), text.slice(mark + 1)]
  const slash = text.lastIndexOf('/')
  const last = text.slice(slash + 1)
  return slash >= 0 && last.includes('api-version=') ? [text.slice(0, slash), last] : [text, '']
}

function decodeLeniently(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
