import { client, given, take } from './client.ts'
import type {
  Configuration,
  ConfigurationInput,
  ConfigurationPatch,
  Configurations,
  ConfigurationTargetPage,
  ConfigurationTested,
} from './types.ts'

/** Every configuration. */
export const fetchConfigurations = (): Promise<Configurations> => take(client.GET('/api/v1/configurations'))

/** One configuration. */
export const fetchConfiguration = (id: string): Promise<Configuration> =>
  take(client.GET('/api/v1/configurations/{id}', { params: { path: { id } } }))

/** Makes a configuration; it begins to apply. */
export const createConfiguration = (body: ConfigurationInput): Promise<Configuration> =>
  take(client.POST('/api/v1/configurations', { body }))

/** Changes a configuration, if it is still the one with that etag. */
export const changeConfiguration = (id: string, body: ConfigurationPatch, etag: string): Promise<Configuration> =>
  take(client.PATCH('/api/v1/configurations/{id}', { params: { path: { id } }, body, headers: { 'if-match': `"${etag}"` } }))

/** Deletes a configuration, if it is still the one with that etag; what it set is taken back. */
export async function deleteConfiguration(id: string, etag: string): Promise<void> {
  await take(client.DELETE('/api/v1/configurations/{id}', { params: { path: { id } }, headers: { 'if-match': `"${etag}"` } }))
}

/** Whom a configuration is for, by name. */
export const fetchTargets = (id: string, after: string | undefined): Promise<ConfigurationTargetPage> =>
  take(client.GET('/api/v1/configurations/{id}/targets', { params: { path: { id }, query: given({ after, limit: 100 }) } }))

/** Tries a condition and metrics. Changes nothing. */
export const testConfiguration = (targetCondition: string, metrics: Readonly<Record<string, string>>): Promise<ConfigurationTested> =>
  take(client.POST('/api/v1/configurations/test', { body: { targetCondition, metrics: { ...metrics } } }))
