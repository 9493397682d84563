import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A PKCS #11 token in software (SoftHSM 2), in a directory of its own. */
export type SoftToken = AsyncDisposable & {
  readonly module: string
  readonly token: string
  readonly pin: string
  readonly pinFile: string
  /** Where SoftHSM finds its token: `SOFTHSM2_CONF`. */
  readonly environment: Readonly<Record<string, string>>
  /** Takes the token out, and puts it back. */
  pull(): Promise<void>
  putBack(): Promise<void>
}

/** Debian's module. */
export const softHsmModule = '/usr/lib/softhsm/libsofthsm2.so'

/** Makes a token with the label `thingwall`. */
export async function makeSoftToken(): Promise<SoftToken> {
  const directory = await mkdtemp(join(tmpdir(), 'softhsm-'))
  const tokens = join(directory, 'tokens')
  const pinFile = join(directory, 'pin')
  const configuration = join(directory, 'softhsm2.conf')
  await mkdir(tokens)
  await writeFile(configuration, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`)
  await writeFile(pinFile, '4711\n', { mode: 0o600 })
  const environment = { SOFTHSM2_CONF: configuration }
  await run('softhsm2-util', ['--init-token', '--free', '--label', 'thingwall', '--so-pin', '0815', '--pin', '4711'], {
    env: { ...process.env, ...environment },
  })
  return {
    module: softHsmModule,
    token: 'thingwall',
    pin: '4711',
    pinFile,
    environment,
    async pull() {
      await rename(tokens, `${tokens}.away`)
      await mkdir(tokens)
    },
    async putBack() {
      await rm(tokens, { recursive: true, force: true })
      await rename(`${tokens}.away`, tokens)
    },
    async [Symbol.asyncDispose]() {
      await rm(directory, { recursive: true, force: true })
    },
  }
}
