import { type AmqpMessage, type Value, decodeMessage, encodeMessage, long, map, number, string, textOf } from '#wire/amqp'
import { amqpError } from '../amqp-error.ts'
import { amqpLimits } from '../limits.ts'
import type { Delivery, ReceiverLink } from '../receiver-link.ts'
import type { SenderLink } from '../sender-link.ts'
import type { PartitionState } from './event.ts'

/** What `$management` tells of. */
export type ManagementPort = {
  /** Lower-case names that requests may use. */
  readonly entities: readonly string[]
  readonly partitions: number
  readonly createdAt: number
  state(partition: number): Promise<PartitionState>
  trouble(error: unknown): void
}

const maxWaiting = 32
type Answer = { readonly status: number; readonly description: string; readonly value?: Value; readonly condition?: string }

/** The two links of `$management` of one connection: questions about the endpoint, and answers (azure-wire 8.3). */
export class Management {
  readonly #port: ManagementPort
  readonly #waiting: { readonly payload: Buffer; readonly replyTo: string }[] = []
  #outs: readonly SenderLink[] = []

  constructor(port: ManagementPort) {
    this.#port = port
  }

  serveRequests(link: ReceiverLink): void {
    link.onMessage = (delivery) => {
      this.#take(delivery).catch((error: unknown) => {
        this.#port.trouble(error)
        delivery.settle({ kind: 'released' })
      })
    }
    link.accept(64 * 1024, amqpLimits.operationCredit)
  }

  serveAnswers(link: SenderLink, closed: (work: () => void) => void): void {
    this.#outs = [...this.#outs, link]
    link.onCredit = () => this.#send()
    closed(() => (this.#outs = this.#outs.filter((out) => out !== link)))
    link.accept()
  }

  async #take(delivery: Delivery): Promise<void> {
    const decoded = decodeMessage(delivery.payload)
    if (!decoded.ok) {
      const error = amqpError({ code: 'gateway/amqp-malformed', message: decoded.error.message })
      return delivery.settle({ kind: 'rejected', error })
    }
    const { messageId, replyTo } = decoded.value.properties
    const { status, description, value, condition } = await this.#judge(decoded.value)
    delivery.settle({ kind: 'accepted' })
    const application = new Map<string, Value>([
      ['status-code', number('int', status)],
      ['status-description', string(description)],
    ])
    if (condition !== undefined) application.set('error-condition', string(condition))
    const payload = encodeMessage({ properties: { correlationId: messageId }, application, value: value ?? map('string', []) })
    if (this.#waiting.push({ payload, replyTo: replyTo ?? '' }) > maxWaiting) this.#waiting.shift()
    this.#send()
  }

  async #judge({ application }: AmqpMessage): Promise<Answer> {
    const name = textOf(application.get('name')) ?? ''
    if (textOf(application.get('operation')) !== 'READ')
      return { status: 400, description: 'The only operation is READ.', condition: 'amqp:not-implemented' }
    if (!this.#port.entities.includes(name.toLowerCase()))
      return { status: 404, description: 'There is no such entity.', condition: 'com.microsoft:entity-not-found' }
    const type = textOf(application.get('type'))
    if (type === 'com.microsoft:eventhub') return { status: 200, description: 'OK', value: this.#hub(name) }
    const partition = partitionNumber(textOf(application.get('partition')), this.#port.partitions)
    if (type !== 'com.microsoft:partition' || partition === undefined)
      return { status: 404, description: 'There is no such partition.', condition: 'amqp:not-found' }
    return { status: 200, description: 'OK', value: partitionValue(name, partition, await this.#port.state(partition)) }
  }

  #hub(name: string): Value {
    const { partitions, createdAt } = this.#port
    return map('string', [
      ['name', string(name)],
      ['type', string('com.microsoft:eventhub')],
      ['created_at', number('timestamp', createdAt)],
      ['partition_count', number('int', partitions)],
      ['partition_ids', { type: 'array', value: Array.from({ length: partitions }, (_, at) => string(String(at))) }],
    ])
  }

  #send(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const { payload, replyTo } = next
      const named = this.#outs.filter(({ attach }) => attach.target?.address === replyTo)
      const out = (named.length > 0 ? named : this.#outs).findLast((one) => one.isReady)
      if (out === undefined) return
      this.#waiting.shift()
      out.send({ payload })
    }
  }
}

/** The number of a partition by its name: decimal, without zeros before it. Undefined for every other text. */
export function partitionNumber(text: string | undefined, count: number): number | undefined {
  if (text === undefined || !/^(0|[1-9][0-9]?)$/.test(text)) return undefined
  return Number(text) < count ? Number(text) : undefined
}

function partitionValue(name: string, partition: number, { begin, last }: PartitionState): Value {
  return map('string', [
    ['name', string(name)],
    ['type', string('com.microsoft:partition')],
    ['partition', string(String(partition))],
    ['begin_sequence_number', long(last === undefined ? -1 : begin)],
    ['last_enqueued_sequence_number', long(last?.offset ?? -1)],
    ['last_enqueued_offset', string(String(last?.offset ?? -1))],
    ['last_enqueued_time_utc', number('timestamp', last?.time ?? 0)],
    ['is_partition_empty', { type: 'boolean', value: last === undefined }],
  ])
}
