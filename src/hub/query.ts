import type { Grant, Result } from '#base'
import type { Json } from '#wire/json'

/** A page of answers. `itemType` as IoT Hub spells it (azure-wire 5.4); without `continuation` it was the last. */
export type QueryPage = {
  readonly items: readonly Json[]
  readonly itemType: 'Twin' | 'DeviceJob' | 'JobResponse' | 'Raw'
  readonly continuation: string | undefined
}

/** What is asked: the text, how many items at most (1 to 1,000, default 100), and where to go on. */
export type QueryRequest = { readonly text: string; readonly maxItems?: number | undefined; readonly continuation?: string | undefined }

/** The query language of IoT Hub over devices, modules and jobs. */
export interface Queries {
  /** Refuses `hub/query-malformed` (says where), `hub/query-unsupported`, `hub/query-too-costly`, `hub/continuation-refused`. */
  run(grant: Grant<'twin.read'>, request: QueryRequest): Promise<Result<QueryPage>>
  /**
   * The identities that a WHERE body is true of (`*`: all), in order: for jobs and configurations. `from` says whether they are devices or
   * modules. Pages of at most `limit`, after an identity.
   */
  matching(
    from: 'devices' | 'modules',
    condition: string,
    limit: number,
    after?: string,
  ): Promise<Result<{ readonly identities: readonly string[]; readonly next: string | undefined }>>
  /** How many a WHERE body is true of. */
  count(from: 'devices' | 'modules', condition: string): Promise<Result<number>>
}
