import { createHash } from 'node:crypto'
import type { EndpointKind } from '../endpoint.ts'
import { objectOf } from './batch-object.ts'
import { openPutSink } from './put.io.ts'
import { type S3Settings, parseS3 } from './s3.ts'
import { secretText } from './tls-settings.ts'

/** Endpoints that are buckets of S3: one object for each batch, named by where it begins, so that a second delivery replaces the first. */
export const s3Kind: EndpointKind<S3Settings> = {
  kind: 's3',
  parse: parseS3,
  batch: { events: 10_000, bytes: 4 * 1024 * 1024, lingerMs: 5_000 },
  open: async (name, settings, ports) =>
    openPutSink({ url: settings.url, tls: settings, ports }, async (batch) => {
      const { AwsV4Signer } = await import('aws4fetch')
      const { name: key, body, contentType } = await objectOf(settings, name, batch)
      const url = `${settings.url}/${settings.bucket}/${key}`
      const signed = await new AwsV4Signer({
        method: 'PUT',
        url,
        // Given, the hash of the body is signed as well: left alone, the client would sign that it is not.
        headers: { 'content-type': contentType, 'x-amz-content-sha256': createHash('sha256').update(body).digest('hex') },
        accessKeyId: settings.accessKeyId,
        secretAccessKey: secretText(settings.accessKeySecret, ports),
        service: 's3',
        region: settings.region,
        datetime: new Date(ports.clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ''),
        allHeaders: true,
      }).sign()
      return { url, headers: Object.fromEntries(signed.headers.entries()), body }
    }),
}
