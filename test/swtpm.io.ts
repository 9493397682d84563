import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A TPM 2.0 in software, with a state of its own. It serves one client at a time, and has room for three transient objects. */
export type SoftTpm = AsyncDisposable & {
  /** How programs of the TSS reach it, for `TPM2TOOLS_TCTI`, `TPM2OPENSSL_TCTI` and our own settings. */
  readonly tcti: string
  readonly directory: string
  /** Kills it as a pulled module would go; the state stays. */
  stop(): Promise<void>
  /** Starts it again at the same place, with the same state. */
  start(): Promise<void>
}

/** Starts a fresh TPM, or one with a copy of the state of another (a clone of its machine). */
export async function startSoftTpm(from?: SoftTpm): Promise<SoftTpm> {
  const directory = await mkdtemp(join(tmpdir(), 'swtpm-'))
  if (from !== undefined) await cp(join(from.directory, 'tpm2-00.permall'), join(directory, 'tpm2-00.permall'))
  const socket = join(directory, 's')
  let child: ChildProcess | undefined
  const stop = async (): Promise<void> => {
    const running = child
    child = undefined
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const ended = new Promise((resolve) => running.once('exit', resolve))
    running.kill('SIGKILL')
    await ended
    for (const path of [socket, `${socket}.ctrl`]) await rm(path, { force: true })
  }
  const start = async (): Promise<void> => {
    const state = ['--tpm2', '--tpmstate', `dir=${directory},mode=0600`, '--seccomp', 'action=none']
    // tpm2-tools look for the control channel under this name, and do nothing without it.
    const doors = [
      '--server',
      `type=unixio,path=${socket}`,
      '--ctrl',
      `type=unixio,path=${socket}.ctrl`,
      '--flags',
      'not-need-init,startup-clear',
    ]
    const started = spawn('swtpm', ['socket', ...state, ...doors], { stdio: 'ignore' })
    child = started
    let failure: Error | undefined
    started.once('error', (error) => (failure = error))
    for (let i = 0; i < 500 && !(existsSync(socket) && existsSync(`${socket}.ctrl`)); i++) {
      if (failure !== undefined || started.exitCode !== null)
        throw failure ?? new Error(`swtpm ended with ${started.exitCode ?? 'a signal'}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  await start()
  return {
    tcti: `swtpm:path=${socket}`,
    directory,
    stop,
    start,
    async [Symbol.asyncDispose]() {
      await stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
