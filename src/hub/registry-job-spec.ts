import { type Result, ok, refuse } from '#base'
import { isContainerName } from './containers.ts'
import type { JsonObject } from './device-authentication-json.ts'

/** A container as a job names it: its name, and the query that proves the right to it. */
export type ContainerPlace = { readonly name: string; readonly query: URLSearchParams }

/** What a job is asked to do (azure-wire 5.8). */
export type RegistryJobSpec = {
  readonly type: 'import' | 'export'
  readonly input: ContainerPlace | undefined
  readonly output: ContainerPlace
  readonly inputBlob: string
  readonly outputBlob: string
  readonly withKeys: boolean
  readonly withConfigurations: boolean
  readonly configurationsBlob: string
}

const malformed = (detail: string) => refuse('hub/registry-job-malformed', 'The job is not one that this hub can do.', detail)

/** Reads a request for a job. Refuses `hub/registry-job-malformed`, and `hub/container-forbidden` for places that are no containers of ours. */
export function parseRegistryJob(request: JsonObject): Result<RegistryJobSpec> {
  const text = (name: string, standard: string): string => {
    const value = request[name] ?? ''
    return typeof value === 'string' && value !== '' ? value : standard
  }
  const { type } = request
  if (type !== 'import' && type !== 'export') return malformed('type is import or export')
  if (text('storageAuthenticationType', 'KeyBased').toLowerCase() !== 'keybased')
    return malformed('storageAuthenticationType is KeyBased: the address of a container proves itself')
  const input = type === 'import' ? placeOf(request['inputBlobContainerUri']) : ok(undefined)
  if (!input.ok) return input
  const output = placeOf(request['outputBlobContainerUri'])
  if (!output.ok) return output
  if (type === 'import' && request['includeConfigurations'] === true)
    return malformed('configurations are taken over by "thingwall import azure"')
  return ok({
    type,
    input: input.value,
    output: output.value,
    inputBlob: text('inputBlobName', 'devices.txt'),
    outputBlob: text('outputBlobName', type === 'export' ? 'devices.txt' : 'importErrors.log'),
    withKeys: request['excludeKeysInExport'] !== true,
    withConfigurations: request['includeConfigurations'] === true,
    configurationsBlob: text('configurationsBlobName', 'configurations.txt'),
  })
}

function placeOf(value: unknown): Result<ContainerPlace> {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
  const name = url?.pathname.split('/').find((part) => part !== '') ?? ''
  // The host is not looked at: nothing is fetched, and the signature says whose it is.
  return url !== undefined && isContainerName(name)
    ? ok({ name, query: url.searchParams })
    : refuse('hub/container-forbidden', 'Imports and exports go through a container of this hub: "thingwall container add" makes one.')
}
