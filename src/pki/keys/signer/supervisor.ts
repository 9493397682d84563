import { type CancelTimer, type Clock, Fault } from '#base'
import type { KeyStoreState } from '../signing-key.ts'
import { FrameReader, encodeFrame } from './frames.ts'
import { type Answer, questionHeader, readAnswer } from './words.ts'

/** A signer process as it is spawned: bytes in, bytes out, an end. */
export interface SignerChild {
  write(bytes: Buffer): void
  /** Kills it at once; harmless when it is gone. */
  kill(): void
}

/** What the child tells its supervisor. `ended` comes once, with why if that is known. */
export type ChildEvents = { readonly data: (bytes: Buffer) => void; readonly ended: (why: string) => void }

/** What supervising takes. */
export type SupervisorPorts = {
  readonly clock: Clock
  /** Starts a child; a failure to start is told as its end. */
  readonly spawn: (events: ChildEvents) => SignerChild
  /** Changes when the file with the PIN does: a PIN that was refused is not tried again before. */
  readonly pinStamp: () => string
  /** Told when the state changes between ready and away. */
  readonly changed: (state: KeyStoreState) => void
}

/** What is asked: {@link questionHeader} without the number, which the supervisor gives. */
export type Asked =
  | { readonly op: 'check' }
  | { readonly op: 'wrap' }
  | { readonly op: 'unwrap' }
  | { readonly op: 'make'; readonly label: string }
  | { readonly op: 'find'; readonly handle: Buffer }
  | { readonly op: 'sign'; readonly handle: Buffer }

/** What came back; the body is a signature. */
export type Reply = { readonly answer: Answer; readonly body: Buffer }

type Pending = { readonly done: (reply: Reply) => void; readonly failed: (error: Fault) => void; readonly cancel: CancelTimer }

/** Bounds of time and number. A TPM takes a second for a signature when it is busy. */
export const supervisorLimits = {
  pending: 4_096,
  startMs: 20_000,
  answerMs: 15_000,
  checkEveryMs: 5_000,
  restartMs: 250,
  restartMaxMs: 15_000,
} as const

/**
 * Keeps one signer process running. When it ends, hangs, or says that its hardware is away, everything that waits fails with the Fault
 * `pki/key-unavailable`, and another process is started after a pause that doubles. Questions while it is away fail at once.
 */
export class SignerSupervisor implements Disposable {
  readonly #ports: SupervisorPorts
  readonly #pending = new Map<number, Pending>()
  #child: SignerChild | undefined
  #state: KeyStoreState
  #nextId = 1
  #pauseMs: number = supervisorLimits.restartMs
  #refusedPin: string | undefined
  #isOver = false
  #isFirst = true
  #cancelTimer: CancelTimer = () => {}
  #settle: () => void = () => {}
  readonly #settled: Promise<void>

  constructor(ports: SupervisorPorts) {
    this.#ports = ports
    this.#state = { kind: 'away', since: ports.clock.now(), message: 'The signer process is starting.' }
    this.#settled = new Promise((resolve) => (this.#settle = resolve))
    this.#start()
  }

  /** Resolves when the first process has said whether it can sign. */
  settled(): Promise<void> {
    return this.#settled
  }

  state(): KeyStoreState {
    return this.#state
  }

  /** Asks the process. Throws the Fault `pki/key-unavailable` when it is away, goes away meanwhile, or has too much to do. */
  ask(asked: Asked, body?: Uint8Array): Promise<Reply> {
    if (this.#state.kind === 'away') return Promise.reject(unavailable(this.#state.message))
    return this.#send(asked, body, supervisorLimits.answerMs)
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    this.#cancelTimer()
    this.#drop('The hub is closing.')
    this.#settle()
  }

  #send(asked: Asked, body: Uint8Array | undefined, patienceMs: number): Promise<Reply> {
    const child = this.#child
    if (child === undefined) return Promise.reject(unavailable('The signer process is not running.'))
    if (this.#pending.size >= supervisorLimits.pending) return Promise.reject(unavailable('Too much waits to be signed.'))
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const cancel = this.#ports.clock.after(patienceMs, () =>
        this.#away(`The signer process gave no answer within ${patienceMs / 1000} s; another one is started.`),
      )
      this.#pending.set(id, { done: resolve, failed: reject, cancel })
      child.write(encodeFrame(questionHeader({ ...asked, id }), body))
    })
  }

  #start(): void {
    if (this.#isOver) return
    const reader = new FrameReader()
    // What an earlier child still says counts no more.
    const isCurrent = () => this.#child === child
    const child: SignerChild = this.#ports.spawn({
      data: (bytes) => {
        if (isCurrent()) this.#heard(reader, bytes)
      },
      ended: (why) => {
        if (isCurrent()) this.#away(`The signer process ended${why === '' ? '' : `: ${why}`}. Another one is started.`)
      },
    })
    this.#child = child
    this.#check(supervisorLimits.startMs)
  }

  #heard(reader: FrameReader, bytes: Buffer): void {
    const frames = reader.push(bytes)
    if (!frames.ok) return this.#away(`${frames.error.message} Another one is started.`)
    for (const frame of frames.value) {
      const answer = readAnswer(frame)
      const pending = answer.ok ? this.#pending.get(answer.value.id) : undefined
      if (!answer.ok || pending === undefined)
        return this.#away('The signer process said something that is no answer. Another one is started.')
      this.#pending.delete(answer.value.id)
      pending.cancel()
      if (answer.value.ok || answer.value.trouble === 'key-missing' || answer.value.trouble === 'key-exportable') {
        pending.done({ answer: answer.value, body: frame.body })
        continue
      }
      if (answer.value.trouble === 'pin') this.#refusedPin = this.#ports.pinStamp()
      pending.failed(unavailable(answer.value.message))
      return this.#away(answer.value.message)
    }
  }

  /** Asks whether it can sign, now and every few seconds: a token that was pulled is noticed before somebody needs it. */
  #check(patienceMs: number): void {
    const again = () =>
      (this.#cancelTimer = this.#ports.clock.after(supervisorLimits.checkEveryMs, () => this.#check(supervisorLimits.answerMs)))
    this.#send({ op: 'check' }, undefined, patienceMs).then(
      () => {
        if (this.#isOver) return
        this.#pauseMs = supervisorLimits.restartMs
        this.#refusedPin = undefined
        this.#set({ kind: 'ready' })
        again()
      },
      () => {}, // It is away already, and says so.
    )
  }

  #away(message: string): void {
    this.#drop(message)
    if (this.#isOver) return
    this.#set({ kind: 'away', since: this.#state.kind === 'away' && !this.#isFirst ? this.#state.since : this.#ports.clock.now(), message })
    this.#retryLater()
  }

  #retryLater(): void {
    this.#cancelTimer()
    this.#cancelTimer = this.#ports.clock.after(this.#pauseMs, () => {
      // One refused PIN is one of the few tries before a token locks itself.
      if (this.#refusedPin !== undefined && this.#refusedPin === this.#ports.pinStamp()) return this.#retryLater()
      this.#start()
    })
    this.#pauseMs = Math.min(this.#pauseMs * 2, supervisorLimits.restartMaxMs)
  }

  /** Ends the child and fails what waits. */
  #drop(message: string): void {
    const child = this.#child
    this.#child = undefined
    child?.kill()
    const waiting = [...this.#pending.values()]
    this.#pending.clear()
    for (const one of waiting) {
      one.cancel()
      one.failed(unavailable(message))
    }
  }

  #set(state: KeyStoreState): void {
    const before = this.#state
    this.#state = state
    const isNews = this.#isFirst || before.kind !== state.kind
    this.#isFirst = false
    this.#settle()
    if (isNews) this.#ports.changed(state)
  }
}

function unavailable(message: string): Fault {
  return new Fault('pki/key-unavailable', message)
}
