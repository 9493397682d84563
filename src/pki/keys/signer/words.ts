import { type Result, ok, refuse } from '#base'
import type { Json } from '#wire/json'
import type { Frame } from './frames.ts'

/**
 * What the hub asks. `check`: can you sign? `make`: a new pair, with a label for people who look into the token. `find`: is the key there,
 * and can it not leave? `sign`: ECDSA with SHA-256 over the body. Handles are the signer's own, opaque to the hub. `wrap`: the body, encrypted under a key of
 * the hardware that serves nothing else; `unwrap`: the opposite.
 */
export type Question = { readonly id: number } & (
  | { readonly op: 'check' }
  | { readonly op: 'wrap' }
  | { readonly op: 'unwrap' }
  | { readonly op: 'make'; readonly label: string }
  | { readonly op: 'find'; readonly handle: Buffer }
  | { readonly op: 'sign'; readonly handle: Buffer }
)

/**
 * Why the signer says no. `unavailable`: the hardware is away, and this process is of no more use. `pin`: the token refused the PIN, or would lock
 * itself at one more. `key-missing` and `key-exportable` are about one key.
 */
export type Trouble = 'unavailable' | 'pin' | 'key-missing' | 'key-exportable'

/** What it answers; `message` is for operators and names no secret. A signature is the body of the frame. */
export type Answer = { readonly id: number } & (
  | { readonly ok: true; readonly handle?: Buffer; readonly publicKey?: Buffer }
  | { readonly ok: false; readonly trouble: Trouble; readonly message: string }
)

const troubles: readonly string[] = ['unavailable', 'pin', 'key-missing', 'key-exportable'] satisfies readonly Trouble[]
const longest = 4_096

/** A question as the header of a frame. */
export function questionHeader(question: Question): Json {
  if (question.op === 'check' || question.op === 'wrap' || question.op === 'unwrap') return { id: question.id, op: question.op }
  if (question.op === 'make') return { id: question.id, op: 'make', label: question.label }
  return { id: question.id, op: question.op, handle: question.handle.toString('base64') }
}

/** An answer as the header of a frame. */
export function answerHeader(answer: Answer): Json {
  if (!answer.ok) return { id: answer.id, ok: false, trouble: answer.trouble, message: answer.message.slice(0, 1_024) }
  const { id, handle, publicKey } = answer
  return {
    id,
    ok: true,
    ...(handle === undefined ? {} : { handle: handle.toString('base64') }),
    ...(publicKey === undefined ? {} : { publicKey: publicKey.toString('base64') }),
  }
}

/** Reads a question. Refuses `pki/signer-malformed`. */
export function readQuestion({ header }: Frame): Result<Question> {
  const id = numberOf(header, 'id')
  const op = textOf(header, 'op')
  if (id === undefined) return malformed('id')
  if (op === 'check' || op === 'wrap' || op === 'unwrap') return ok({ id, op })
  if (op === 'make') {
    const label = textOf(header, 'label')
    return label === undefined || label.length > 256 ? malformed('label') : ok({ id, op, label })
  }
  const handle = bytesOf(header, 'handle')
  return (op === 'find' || op === 'sign') && handle !== undefined ? ok({ id, op, handle }) : malformed('op or handle')
}

/** Reads an answer. Refuses `pki/signer-malformed`. */
export function readAnswer({ header }: Frame): Result<Answer> {
  const id = numberOf(header, 'id')
  const isOk = field(header, 'ok')
  if (id === undefined || typeof isOk !== 'boolean') return malformed('id or ok')
  if (isOk) {
    const handle = bytesOf(header, 'handle')
    const publicKey = bytesOf(header, 'publicKey')
    return ok({ id, ok: true, ...(handle === undefined ? {} : { handle }), ...(publicKey === undefined ? {} : { publicKey }) })
  }
  const trouble = textOf(header, 'trouble')
  const message = textOf(header, 'message')
  if (!isTrouble(trouble) || message === undefined) return malformed('trouble or message')
  return ok({ id, ok: false, trouble, message })
}

function isTrouble(text: string | undefined): text is Trouble {
  return text !== undefined && troubles.includes(text)
}

function field(header: Json, name: string): Json | undefined {
  if (header === null || typeof header !== 'object' || Array.isArray(header)) return undefined
  return new Map<string, Json>(Object.entries(header)).get(name)
}

function numberOf(header: Json, name: string): number | undefined {
  const value = field(header, name)
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

function textOf(header: Json, name: string): string | undefined {
  const value = field(header, name)
  return typeof value === 'string' && value.length <= longest ? value : undefined
}

function bytesOf(header: Json, name: string): Buffer | undefined {
  const value = textOf(header, name)
  if (value === undefined) return undefined
  const bytes = Buffer.from(value, 'base64')
  return bytes.length > 0 && bytes.toString('base64') === value ? bytes : undefined
}

function malformed(detail: string): Result<never> {
  return refuse('pki/signer-malformed', 'The signer process and the hub do not understand each other.', detail)
}
