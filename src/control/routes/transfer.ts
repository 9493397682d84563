import type { Static } from 'typebox'
import { limits, ok } from '#base'
import { type Route, type StreamOut, bare, route, streamRoute } from '../route.ts'
import {
  applyInput,
  applyLine,
  exportInput,
  exportLine,
  importJob,
  importLines,
  importList,
  importPath,
  importView,
  planLine,
} from '../transfer-schema.ts'
import type { Parts } from './parts.ts'

const all = () => 'devices'
const reading = ['device.read', 'twin.read', 'configuration.read'] as const
const writing = ['device.write', 'device.delete', 'twin.write', 'configuration.write'] as const

/** Moving in and out: an import is begun, given its lines, planned, and done as planned; an export is one stream. */
export function transferRoutes(parts: Parts): readonly Route[] {
  return [...staging(parts), ...working(parts)]
}

function staging({ ports: { hub } }: Parts): readonly Route[] {
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/imports',
      summary: 'Imports, the newest first, at most 100.',
      access: { grants: ['device.read'] },
      resource: all,
      answer: { status: 200, is: importList, description: 'The imports.' },
      handle: async (call) => ok({ imports: (await hub.transfer.list(call.grant('device.read'))).map(importView) }),
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/imports',
      summary: 'Begins an import. One that was begun before and not applied is thrown away.',
      access: { grants: ['device.write'] },
      resource: all,
      answer: { status: 201, is: importJob, description: 'The import.' },
      async handle(call) {
        const begun = await hub.transfer.begin(call.grant('device.write'))
        return begun.ok ? ok(importView(begun.value)) : begun
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/imports/{id}/lines',
      summary: 'Adds lines of a file to an import, at most 500. What is wrong with one stands in the plan.',
      access: { grants: ['device.write'] },
      resource: all,
      params: importPath,
      body: importLines,
      bodyBytes: limits.httpBodyBytes,
      answer: { status: 200, is: importJob, description: 'The import.' },
      async handle(call) {
        const { source, lines } = call.body
        const taken = await hub.transfer.take(call.grant('device.write'), call.params.id, source, lines)
        return taken.ok ? ok(importView(taken.value)) : taken
      },
    }),
  ]
}

function working({ ports: { hub } }: Parts): readonly Route[] {
  return [
    streamRoute({
      ...bare,
      method: 'POST',
      path: '/api/v1/imports/{id}/plan',
      summary: 'Says what every line of an import would do here, and does nothing.',
      access: { grants: reading },
      resource: all,
      params: importPath,
      answer: {
        stream: 'application/x-ndjson',
        line: planLine,
        description: 'One JSON object a line, the last of kind `done` or `refused`.',
      },
      handle(call) {
        const grants = {
          devices: call.grant('device.read'),
          twins: call.grant('twin.read'),
          configurations: call.grant('configuration.read'),
        }
        return ok(async (out: StreamOut) => {
          const tell: Parameters<typeof hub.transfer.plan>[2] = (entries) =>
            write(
              out,
              entries.map((one) => ({ kind: 'entry' as const, ...one, notices: [...one.notices], differences: [...one.differences] })),
            )
          const plan = await hub.transfer.plan(grants, call.params.id, tell, out.signal)
          if (plan.ok) return write(out, [{ kind: 'done', counts: plan.value.counts, digest: plan.value.digest }])
          return write(out, [{ kind: 'refused', code: plan.error.code, message: plan.error.message }])
        })
      },
    }),
    streamRoute({
      ...bare,
      method: 'POST',
      path: '/api/v1/imports/{id}/apply',
      summary: 'Does what was planned, while the reader stays. What is done stays done; the same import begun again is the rest.',
      access: { grants: ['device.read', 'twin.read', 'configuration.read', ...writing] },
      resource: all,
      params: importPath,
      body: applyInput,
      answer: {
        stream: 'application/x-ndjson',
        line: applyLine,
        description: 'One JSON object a line, the last of kind `done` or `refused`; at most 100 of kind `problem`.',
      },
      handle(call) {
        const grants = {
          devices: call.grant('device.read'),
          twins: call.grant('twin.read'),
          configurations: call.grant('configuration.read'),
          to: {
            write: call.grant('device.write'),
            erase: call.grant('device.delete'),
            twins: call.grant('twin.write'),
            configurations: call.grant('configuration.write'),
          },
        }
        return ok(async (out: StreamOut) => {
          const tell: Parameters<typeof hub.transfer.apply>[3] = ({ done, total, problems }) =>
            write(out, [...problems.map((one) => ({ kind: 'problem' as const, ...one })), { kind: 'progress', done, total }])
          // The plan is made again before anything is done: who waits is told at once that it goes on.
          await write(out, [{ kind: 'progress', done: 0, total: 0 }])
          const done = await hub.transfer.apply(grants, call.params.id, call.body.digest, tell, out.signal)
          if (done.ok) return write(out, [{ kind: 'done', import: importView(done.value) }])
          return write(out, [{ kind: 'refused', code: done.error.code, message: done.error.message }])
        })
      },
    }),
    streamRoute({
      ...bare,
      method: 'POST',
      path: '/api/v1/export',
      summary: 'Devices, modules, twins, configurations and kept enrollments, as an import reads them; shared keys only where asked for.',
      access: { grants: reading, sometimes: ['device.write'] },
      resource: all,
      body: exportInput,
      answer: { stream: 'application/x-ndjson', line: exportLine, description: 'One JSON object a line, the last of kind `done`.' },
      handle(call) {
        // Whoever may set keys may read them, as back ends do.
        const keys = call.body.withKeys === true ? call.ask('device.write') : undefined
        if (keys?.ok === false) return keys
        const grants = {
          devices: call.grant('device.read'),
          twins: call.grant('twin.read'),
          configurations: call.grant('configuration.read'),
        }
        return ok(async (out: StreamOut) => {
          for await (const lines of hub.transfer.export(grants, keys?.value))
            await write(
              out,
              lines.map(({ file, value }) => ({ kind: 'line' as const, file, value })),
            )
          await write(out, [{ kind: 'done' }])
        })
      },
    }),
  ]
}

type PlanLine = Static<typeof planLine>
type ApplyLine = Static<typeof applyLine>
type LineOfExport = Static<typeof exportLine>

async function write(out: StreamOut, lines: readonly (PlanLine | ApplyLine | LineOfExport)[]): Promise<void> {
  if (lines.length > 0) await out.write(lines.map((one) => `${JSON.stringify(one)}\n`).join(''))
}
