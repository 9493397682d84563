import { type Result, fail, limits, ok, parseDeviceId } from '#base'
import { type DeviceSpec, parseAuthentication } from './device.ts'

/** What is wrong with one line, counted from 1. */
export type CsvProblem = { readonly line: number; readonly code: string; readonly message: string }

/** One device of a CSV file and the line it stands on. */
export type CsvDevice = { readonly line: number; readonly spec: DeviceSpec }

/** Problems that are reported at once; a file of nonsense need not be answered with as much. */
const maxProblems = 100

const headers = new Map([
  ['id', 1],
  ['id,primaryThumbprint', 2],
  ['id,primaryThumbprint,secondaryThumbprint', 3],
])

/**
 * Reads a list of devices: a header `id[,primaryThumbprint[,secondaryThumbprint]]`, then one device a line. A device without thumbprints is one
 * that our certificate authority vouches for. Strict: no quotes (no value of ours needs them), no stray columns, no device twice; every line
 * that is wrong is named, and then nothing is taken. A trailing line break and CRLF are fine, as is a byte order mark.
 */
export function parseDeviceCsv(text: string): Result<readonly CsvDevice[], readonly CsvProblem[]> {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  const columns = headers.get(lines[0] ?? '')
  if (columns === undefined)
    return fail([{ line: 1, code: 'hub/csv-header', message: 'The first line must be id[,primaryThumbprint[,secondaryThumbprint]].' }])
  if (lines.length - 1 > limits.devicesPerRequest)
    return fail([{ line: 1, code: 'hub/too-many-devices', message: `At most ${limits.devicesPerRequest} devices can be added at once.` }])
  const devices: CsvDevice[] = []
  const problems: CsvProblem[] = []
  const seen = new Map<string, number>()
  for (const [index, content] of lines.slice(1).entries()) {
    const line = index + 2
    const spec = parseLine(content, columns)
    const before = spec.ok ? seen.get(spec.value.id) : undefined
    if (!spec.ok) problems.push({ line, ...spec.error })
    else if (before !== undefined)
      problems.push({ line, code: 'hub/device-twice', message: `Device ${spec.value.id} stands on line ${before} already.` })
    else {
      seen.set(spec.value.id, line)
      devices.push({ line, spec: spec.value })
    }
    if (problems.length >= maxProblems) break
  }
  return problems.length > 0 ? fail(problems) : ok(devices)
}

function parseLine(content: string, columns: number): Result<DeviceSpec, { readonly code: string; readonly message: string }> {
  const cells = content.split(',')
  if (content.includes('"')) return fail({ code: 'hub/csv-quotes', message: 'Quotes are not used here: no value needs them.' })
  if (cells.length > columns)
    return fail({ code: 'hub/csv-columns', message: `The header names ${columns} columns; this line has ${cells.length}.` })
  const id = parseDeviceId(cells[0] ?? '')
  if (!id.ok) return id
  const primaryThumbprint = cells[1] ?? ''
  const secondaryThumbprint = cells[2] ?? ''
  const type = primaryThumbprint === '' && secondaryThumbprint === '' ? 'certificateAuthority' : 'selfSigned'
  const authentication = parseAuthentication({ type, primaryThumbprint, secondaryThumbprint })
  return authentication.ok ? ok({ id: id.value, authentication: authentication.value }) : authentication
}
