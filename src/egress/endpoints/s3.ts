import type { Result } from '#base'
import { type ObjectSettings, readObjectSettings } from './batch-object.ts'
import { readSettings } from './settings.ts'
import { type TlsSettings, readTls } from './tls-settings.ts'

/** A bucket of S3, or of what speaks like it. */
export type S3Settings = TlsSettings &
  ObjectSettings & {
    /** Of the service; the bucket is the first part of the path ("path style"). */
    readonly url: string
    readonly region: string
    readonly bucket: string
    /** Names the key; it is no secret. */
    readonly accessKeyId: string
    readonly accessKeySecret: string
  }

/** Reads the settings of an endpoint of the kind `s3`. Refuses `egress/endpoint-malformed`. */
export function parseS3(given: unknown): Result<S3Settings> {
  return readSettings('s3', given, (reader) => ({
    ...readTls(reader),
    ...readObjectSettings(reader),
    url: reader.url('url'),
    region: reader.optionalText('region', { most: 64, pattern: /^[a-z0-9-]+$/ }) ?? 'us-east-1',
    bucket: reader.text('bucket', {
      most: 63,
      pattern: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
      such: 'what the name of a bucket may not have',
    }),
    accessKeyId: reader.text('accessKeyId', { most: 128, pattern: /^[\w.-]+$/ }),
    accessKeySecret: reader.secret('accessKeySecret'),
  }))
}
