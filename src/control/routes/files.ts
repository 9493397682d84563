import { type Static, Type } from 'typebox'
import { isoTime, ok, refuse } from '#base'
import type { StoredFile } from '#hub'
import { closed, count, orNull, pageLimit, text } from '../hub-schema.ts'
import { type Route, bare, route, streamRoute } from '../route.ts'
import { time } from '../schema.ts'
import type { Parts } from './parts.ts'

/** `{device}/{the device's own name}`. */
const name = Type.String({ minLength: 1, maxLength: 1_200 })
const byName = Type.Object({ name }, closed)

const file = Type.Object(
  { name: text, device: text, bytes: count, contentType: text, digest: text, etag: text, lastModified: time },
  { ...closed, title: 'StoredFile' },
)
const page = Type.Object({ files: Type.Array(file), next: orNull(text) }, { ...closed, title: 'FilePage' })

/** Files that devices have uploaded and that this hub keeps. */
export function fileRoutes({ ports }: Parts): readonly Route[] {
  const { files } = ports.hub
  const all = () => 'files'
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/files',
      summary: 'A page of the files that this hub keeps, in the order of their names.',
      access: { grants: ['telemetry.read'] },
      resource: all,
      query: Type.Object(
        {
          device: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
          after: Type.Optional(Type.String({ maxLength: 1_200 })),
          limit: pageLimit,
        },
        closed,
      ),
      answer: { status: 200, is: page, description: 'A page. `next` is the `after` of the page that follows.' },
      async handle(call) {
        const { device, after, limit = 100 } = call.query
        const found = await files.list(call.grant('telemetry.read'), { device, after, limit })
        return ok({ files: found.files.map(fileView), next: found.next })
      },
    }),
    streamRoute({
      ...bare,
      method: 'GET',
      path: '/api/v1/files/content',
      summary: 'The bytes of a file. They are what a device sent: an attachment, never a page.',
      access: { grants: ['telemetry.read'] },
      resource: all,
      query: byName,
      answer: { stream: 'application/octet-stream', line: Type.String({ format: 'binary' }), description: 'The file.' },
      async handle(call) {
        const found = await files.read(call.grant('telemetry.read'), call.query.name)
        if (found === undefined) return refuse('hub/file-not-found', 'There is no file of this name.')
        const { file: of, body } = found
        call.setHeader('content-length', String(of.bytes))
        call.setHeader('content-disposition', attachmentOf(of.name))
        call.setHeader('etag', `"${of.etag}"`)
        return ok(async (out) => {
          for await (const bytes of body) await out.write(bytes)
        })
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/files',
      summary: 'Deletes a file.',
      access: { grants: ['hub.administer'] },
      resource: all,
      query: byName,
      answer: { status: 204, is: Type.Null(), description: 'Deleted.' },
      async handle(call) {
        const removed = await files.remove(call.grant('hub.administer'), call.query.name)
        return removed.ok ? ok(null) : removed
      },
    }),
  ]
}

function fileView(one: StoredFile): Static<typeof file> {
  const { name: of, device, bytes, contentType, digest, etag } = one
  return { name: of, device, bytes, contentType, digest, etag, lastModified: isoTime(one.lastModified) }
}

/** RFC 6266 with the last part of the name, in the form that can hold any of them (RFC 8187). */
function attachmentOf(of: string): string {
  const last = of.split('/').at(-1) ?? ''
  const encoded = encodeURIComponent(last.toWellFormed()).replaceAll(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename*=UTF-8''${encoded}`
}
