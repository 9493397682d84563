import { createCipheriv, createDecipheriv, createPrivateKey, type KeyObject, randomBytes, scryptSync } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Result, Secret, ok } from '#base'
import { type Problem, exit, stop } from '../exit.ts'
import { codeOf } from '../hub-files.io.ts'

/*
 * The folder of a lot: `lot.json`, what the hub said; `issuer.key`, the key of the lot's issuer, sealed under a passphrase and for that very text; `ledger.jsonl`, a line
 * for every device made. The sealing is AES-256-GCM under a key that scrypt makes of the passphrase.
 */

// 128 MiB of memory for every guess.
const cost = { N: 2 ** 17, r: 8, p: 1, maxmem: 192 * 1024 * 1024 } as const
const shortest = 12

/** Reads a passphrase from the first line of a file. A short one is refused: it is all that stands between a stolen folder and the key. */
export function readPassphrase(path: string): Result<Secret, Problem> {
  let text: string
  try {
    text = readFileSync(path, 'utf8').split(/\r?\n/, 1)[0] ?? ''
  } catch (error) {
    return stop(
      exit.usage,
      `The passphrase in ${path} cannot be read.`,
      `the system says ${codeOf(error) ?? 'no'}.`,
      'check --passphrase-file.',
    )
  }
  return text.length >= shortest
    ? ok(new Secret(Buffer.from(text, 'utf8')))
    : stop(
        exit.usage,
        `The passphrase in ${path} is too short.`,
        `it has fewer than ${shortest} characters.`,
        'use for example: openssl rand -base64 24',
      )
}

/** Makes the folder of a lot. Refuses one that holds a lot already. `key` is PKCS #8. */
export function writeLot(folder: string, manifest: string, key: Secret, passphrase: Secret): Result<void, Problem> {
  if (existsSync(join(folder, 'lot.json')))
    return stop(exit.conflict, `${folder} holds a lot already.`, 'its key would be lost.', 'choose another --out.')
  const salt = randomBytes(16)
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', stretched(passphrase, salt), iv)
  cipher.setAAD(Buffer.from(manifest, 'utf8'))
  const sealed = key.use((bytes) => Buffer.concat([cipher.update(bytes), cipher.final()]))
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeFileSync(join(folder, 'issuer.key'), Buffer.concat([salt, iv, cipher.getAuthTag(), sealed]), { mode: 0o600, flag: 'wx' })
    writeFileSync(join(folder, 'ledger.jsonl'), '', { mode: 0o600, flag: 'wx' })
    writeFileSync(join(folder, 'lot.json'), manifest, { mode: 0o644, flag: 'wx' })
  } catch (error) {
    return stop(exit.failed, `The lot cannot be written to ${folder}.`, `the system says ${codeOf(error) ?? 'no'}.`)
  }
  return ok(undefined)
}

/** Text of what a folder holds. */
export function readLot(folder: string): Result<{ readonly manifest: string; readonly ledger: string }, Problem> {
  try {
    return ok({ manifest: readFileSync(join(folder, 'lot.json'), 'utf8'), ledger: readFileSync(join(folder, 'ledger.jsonl'), 'utf8') })
  } catch (error) {
    return stop(
      exit.usage,
      `${folder} holds no lot.`,
      `the system says ${codeOf(error) ?? 'no'}.`,
      'make one with: thingwall factory export LOT --out DIR',
    )
  }
}

/** Opens the key of a lot. A wrong passphrase, and a `lot.json` that was changed, look the same. */
export function openLotKey(folder: string, manifest: string, passphrase: Secret): Result<KeyObject, Problem> {
  const sealed = readFileSync(join(folder, 'issuer.key'))
  const decipher = createDecipheriv('aes-256-gcm', stretched(passphrase, sealed.subarray(0, 16)), sealed.subarray(16, 28))
  decipher.setAAD(Buffer.from(manifest, 'utf8'))
  decipher.setAuthTag(sealed.subarray(28, 44))
  try {
    const der = Buffer.concat([decipher.update(sealed.subarray(44)), decipher.final()])
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    der.fill(0)
    return ok(key)
  } catch {
    return stop(
      exit.denied,
      'The key of the lot does not open.',
      'the passphrase is wrong, or lot.json was changed.',
      'use the passphrase of the export, and the lot.json that it wrote.',
    )
  }
}

function stretched(passphrase: Secret, salt: Uint8Array): Buffer {
  return passphrase.use((bytes) => scryptSync(bytes, salt, 32, cost))
}

/** One program at a time counts down: takes the folder, and gives it back when disposed of. */
export function takeFolder(folder: string): Result<Disposable, Problem> {
  const path = join(folder, 'station.lock')
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') return stop(exit.failed, `${folder} cannot be written to.`, `the system says ${codeOf(error) ?? 'no'}.`)
    return stop(
      exit.conflict,
      `Another station works in ${folder}.`,
      `${path} is there.`,
      'wait for it; if none runs any more, delete that file.',
    )
  }
  return ok({ [Symbol.dispose]: () => rmSync(path, { force: true }) })
}

/** Appends a line to the ledger, on disk when it returns. `bytes` is how long the ledger must be before: a torn end is cut off. */
export function appendLine(folder: string, bytes: number, line: string): void {
  const path = join(folder, 'ledger.jsonl')
  truncateSync(path, bytes)
  const file = openSync(path, 'a')
  try {
    writeSync(file, line)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
