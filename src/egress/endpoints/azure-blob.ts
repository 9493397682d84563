import { createHmac } from 'node:crypto'
import { type Instant, type Result } from '#base'
import { type ObjectSettings, readObjectSettings } from './batch-object.ts'
import { readSettings } from './settings.ts'
import { type TlsSettings, readTls } from './tls-settings.ts'

/** A container of Azure Blob Storage, or of what speaks like it. */
export type AzureBlobSettings = TlsSettings &
  ObjectSettings & {
    /** Of the container. */
    readonly url: string
    readonly proof:
      | { readonly kind: 'key'; readonly account: string; readonly accountKeySecret: string }
      | { readonly kind: 'sas'; readonly sasSecret: string }
  }

/** The version of the service that we speak. */
export const blobVersion = '2021-12-02'

/** Reads the settings of an endpoint of the kind `azure-blob`. Refuses `egress/endpoint-malformed`. */
export function parseAzureBlob(given: unknown): Result<AzureBlobSettings> {
  return readSettings('azure-blob', given, (reader) => {
    const account = reader.optionalText('account', { most: 24, pattern: /^[a-z0-9]{3,24}$/ })
    const accountKeySecret = reader.optionalSecret('accountKeySecret')
    const sasSecret = reader.optionalSecret('sasSecret')
    if ((account === undefined) !== (accountKeySecret === undefined)) reader.wrong('account and accountKeySecret need each other')
    if ((accountKeySecret === undefined) === (sasSecret === undefined)) reader.wrong('one of accountKeySecret and sasSecret is given')
    const url = reader.url('url')
    if (url !== '' && !/^https:\/\/[^/]+(?:\/[a-z0-9]{3,24})?\/[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]$/.test(url))
      reader.wrong('url is not that of a container')
    return {
      ...readTls(reader),
      ...readObjectSettings(reader),
      url,
      proof:
        account === undefined || accountKeySecret === undefined
          ? { kind: 'sas', sasSecret: sasSecret ?? '' }
          : { kind: 'key', account, accountKeySecret },
    }
  })
}

/** The headers of an upload of a block blob, unsigned. */
export function blobHeaders(contentType: string, now: Instant): Readonly<Record<string, string>> {
  return {
    'content-type': contentType,
    'x-ms-blob-type': 'BlockBlob',
    'x-ms-date': new Date(now).toUTCString(),
    'x-ms-version': blobVersion,
  }
}

/** The `authorization` of a PUT by Shared Key, as "Authorize with Shared Key" has it. `key` is base64 as the portal shows it. The URL has no query. */
export function sharedKey(
  account: string,
  key: string,
  { url, headers, bytes }: { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly bytes: number },
): string {
  const named = Object.keys(headers)
    .filter((name) => name.startsWith('x-ms-'))
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((name) => `${name}:${headers[name] ?? ''}\n`)
    .join('')
  // Encoding, language, length (empty for zero), MD5, type, then date and five conditions, which we never send.
  const head = ['PUT', '', '', bytes === 0 ? '' : String(bytes), '', headers['content-type'] ?? '', '', '', '', '', '', ''].join('\n')
  const toSign = `${head}\n${named}/${account}${new URL(url).pathname}`
  return `SharedKey ${account}:${createHmac('sha256', Buffer.from(key, 'base64')).update(toSign).digest('base64')}`
}
