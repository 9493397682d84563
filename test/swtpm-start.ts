import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { type Server, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** A running software TPM with a state of its own that can be copied, as a thief of a virtual machine would. */
export class Swtpm implements AsyncDisposable {
  /** What tpm2-tools and the OpenSSL provider are told. */
  readonly tcti: string
  readonly #folder: string
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  constructor(tcti: string, folder: string, child: ChildProcess) {
    this.tcti = tcti
    this.#folder = folder
    this.#child = child
    this.#ended = once(child, 'exit')
  }

  /** A second TPM that woke up with what this one has stored by now. */
  clone(): Promise<Swtpm> {
    const folder = mkdtempSync(join(tmpdir(), 'thingwall-swtpm-'))
    cpSync(this.#folder, folder, { recursive: true, filter: (path) => !path.endsWith('.lock') })
    return startSwtpm(folder)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Starts a software TPM, new or on the state in `folder`, which it then owns. It answers when this resolves. */
export async function startSwtpm(folder = mkdtempSync(join(tmpdir(), 'thingwall-swtpm-'))): Promise<Swtpm> {
  const port = await freePair()
  const words = ['socket', '--tpm2', '--tpmstate', `dir=${folder}`, '--flags', 'not-need-init,startup-clear']
  const child = spawn('swtpm', [...words, '--server', `type=tcp,port=${port}`, '--ctrl', `type=tcp,port=${port + 1}`], { stdio: 'ignore' })
  const tpm = new Swtpm(`swtpm:host=127.0.0.1,port=${port}`, folder, child)
  for (let attempt = 0; attempt < 500; attempt++) {
    if (await answers(port)) return tpm
    await pause(10) // It says nowhere that it listens.
  }
  await tpm[Symbol.asyncDispose]()
  throw new Error('swtpm does not answer')
}

// The control channel is looked for at the next port.
async function freePair(): Promise<number> {
  for (;;) {
    const first = await listen(0)
    const port = portOf(first)
    const second = await listen(port + 1).catch(() => undefined)
    first.close()
    second?.close()
    if (second !== undefined) return port
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
