import type { EndpointKind } from '../endpoint.ts'
import { type AzureBlobSettings, blobHeaders, parseAzureBlob, sharedKey } from './azure-blob.ts'
import { objectOf } from './batch-object.ts'
import { openPutSink } from './put.io.ts'
import { secretText } from './tls-settings.ts'

/** Endpoints that are containers of Azure Blob Storage: one block blob for each batch, named by where it begins, so that a second delivery replaces the first. */
export const azureBlobKind: EndpointKind<AzureBlobSettings> = {
  kind: 'azure-blob',
  parse: parseAzureBlob,
  batch: { events: 10_000, bytes: 4 * 1024 * 1024, lingerMs: 5_000 },
  open: async (name, settings, ports) =>
    openPutSink({ url: settings.url, tls: settings, ports }, async (batch) => {
      const { proof } = settings
      const { name: blob, body, contentType } = await objectOf(settings, name, batch)
      const url = `${settings.url}/${blob}`
      const headers = blobHeaders(contentType, ports.clock.now())
      if (proof.kind === 'sas') return { url: `${url}?${secretText(proof.sasSecret, ports).replace(/^\?/, '')}`, headers, body }
      const authorization = sharedKey(proof.account, secretText(proof.accountKeySecret, ports), { url, headers, bytes: body.length })
      return { url, headers: { ...headers, authorization }, body }
    }),
}
