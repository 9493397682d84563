import { never } from '#base'
import { FrameReader, encodeFrame } from './frames.ts'
import { type Answer, type Question, type Trouble, answerHeader, readQuestion } from './words.ts'

/** Why something could not be done, said to the hub. */
export class SignerTrouble extends Error {
  readonly trouble: Trouble
  constructor(trouble: Trouble, message: string) {
    super(message)
    this.name = 'SignerTrouble'
    this.trouble = trouble
  }
}

/** Hardware that signs. Everything may throw {@link SignerTrouble}; anything else thrown counts as `unavailable`. */
export interface Hardware {
  check(): Promise<void>
  make(label: string): Promise<{ readonly handle: Buffer; readonly publicKey: Buffer }>
  /** The public half, as SubjectPublicKeyInfo. */
  find(handle: Buffer): Promise<Buffer>
  /** ECDSA with SHA-256, as DER. */
  sign(handle: Buffer, data: Buffer): Promise<Buffer>
  /** Encrypts a key of 32 bytes so that only this hardware opens it. Hardware without it says `key-missing`. */
  wrap?(key: Buffer): Promise<Buffer>
  /** Opens what {@link Hardware.wrap} gave. */
  unwrap?(wrapped: Buffer): Promise<Buffer>
}

/** The pipe to the hub, as the child sees it. */
export type HubPipe = { readonly write: (bytes: Buffer) => void; readonly end: () => void }

/**
 * Answers what comes over the pipe, each question as it is done. `open` is called at the first question. After trouble that concerns the hardware
 * as a whole the answer is said and the pipe ended: the next process begins afresh.
 */
export function serveSigner(pipe: HubPipe, open: () => Promise<Hardware>): (bytes: Buffer) => void {
  const reader = new FrameReader()
  let hardware: Promise<Hardware> | undefined
  let isOver = false
  const say = (answer: Answer, body?: Buffer): void => {
    if (!isOver) pipe.write(encodeFrame(answerHeader(answer), body))
  }
  const end = (): void => {
    if (!isOver) pipe.end()
    isOver = true
  }
  const serve = async (question: Question, body: Buffer): Promise<void> => {
    try {
      hardware ??= open()
      const [answer, signature] = await done(await hardware, question, body)
      say(answer, signature)
    } catch (error) {
      const trouble = error instanceof SignerTrouble ? error.trouble : 'unavailable'
      say({ id: question.id, ok: false, trouble, message: error instanceof Error ? error.message : 'The hardware failed.' })
      if (trouble === 'unavailable' || trouble === 'pin') end()
    }
  }
  return (bytes) => {
    const frames = reader.push(bytes)
    if (!frames.ok) return end()
    for (const frame of frames.value) {
      const question = readQuestion(frame)
      if (!question.ok) return end()
      void serve(question.value, frame.body)
    }
  }
}

async function done(hardware: Hardware, question: Question, body: Buffer): Promise<readonly [Answer, Buffer?]> {
  const { id } = question
  switch (question.op) {
    case 'check':
      await hardware.check()
      return [{ id, ok: true }]
    case 'make':
      return [{ id, ok: true, ...(await hardware.make(question.label)) }]
    case 'find':
      return [{ id, ok: true, publicKey: await hardware.find(question.handle) }]
    case 'sign':
      return [{ id, ok: true }, await hardware.sign(question.handle, body)]
    case 'wrap':
    case 'unwrap': {
      const work = hardware[question.op]
      if (work === undefined) throw new SignerTrouble('key-missing', 'This hardware wraps no keys for the hub.')
      return [{ id, ok: true }, await work(body)]
    }
    default:
      return never(question)
  }
}
