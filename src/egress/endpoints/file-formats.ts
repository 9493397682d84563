import type { FileFormat } from './file.ts'

/** A row as the file in the making has it. */
type Row = {
  readonly offset: number
  readonly time: number
  readonly source: string
  readonly device: string
  readonly module?: string
  readonly system: Readonly<Record<string, string | null>>
  readonly properties: Readonly<Record<string, string | null>>
  readonly bodyBase64: string
}

/** The schema of the rows, as Avro files carry it. */
export const avroSchema = {
  type: 'record',
  name: 'Event',
  namespace: 'thingwall',
  fields: [
    { name: 'offset', type: 'long' },
    { name: 'time', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'source', type: 'string' },
    { name: 'device', type: 'string' },
    { name: 'module', type: ['null', 'string'], default: null },
    { name: 'system', type: { type: 'map', values: ['null', 'string'] } },
    { name: 'properties', type: { type: 'map', values: ['null', 'string'] } },
    { name: 'body', type: 'bytes' },
  ],
} as const

/** Lines as a whole file of a format with columns. Their packages are loaded at the first use. */
export async function convert(lines: Buffer, format: Exclude<FileFormat, 'json-lines'>): Promise<Buffer> {
  const rows = lines
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Row => JSON.parse(line))
  return format === 'avro' ? await toAvro(rows) : await toParquet(rows)
}

async function toAvro(rows: readonly Row[]): Promise<Buffer> {
  const { default: avro } = await import('avsc')
  // Its types want a schema that may be changed.
  const encoder = new avro.streams.BlockEncoder(JSON.parse(JSON.stringify(avroSchema)), { codec: 'deflate' })
  const chunks: Buffer[] = []
  const done = new Promise<void>((resolve, reject) => {
    encoder.on('data', (chunk: Buffer) => void chunks.push(chunk))
    encoder.on('end', resolve)
    encoder.on('error', reject)
  })
  for (const { bodyBase64, module = null, ...row } of rows) encoder.write({ ...row, module, body: Buffer.from(bodyBase64, 'base64') })
  encoder.end()
  await done
  return Buffer.concat(chunks)
}

async function toParquet(rows: readonly Row[]): Promise<Buffer> {
  const { parquetWriteBuffer } = await import('hyparquet-writer')
  const written = parquetWriteBuffer({
    columnData: [
      { name: 'offset', data: rows.map(({ offset }) => BigInt(offset)), type: 'INT64' },
      { name: 'time', data: rows.map(({ time }) => new Date(time)), type: 'TIMESTAMP' },
      { name: 'source', data: rows.map(({ source }) => source), type: 'STRING' },
      { name: 'device', data: rows.map(({ device }) => device), type: 'STRING' },
      { name: 'module', data: rows.map(({ module }) => module ?? null), type: 'STRING', nullable: true },
      { name: 'system', data: rows.map(({ system }) => JSON.stringify(system)), type: 'STRING' },
      { name: 'properties', data: rows.map(({ properties }) => JSON.stringify(properties)), type: 'STRING' },
      { name: 'body', data: rows.map(({ bodyBase64 }) => new Uint8Array(Buffer.from(bodyBase64, 'base64'))), type: 'BYTE_ARRAY' },
    ],
    createdBy: 'thingwall',
  })
  return Buffer.from(written)
}
