import { readFileSync } from 'node:fs'
import { type Result, Secret, ok, refuse, systemClock, systemRandom } from '#base'
import { openOfflineRoot, proveRemoval, signAway } from '#pki'

/** Files of an exported root, and what it shall do. */
export type OfflineRootFiles = { readonly rootFile: string; readonly passphraseFile: string }

/** A passphrase as a file has it: the line end that editors leave is not part of it. Throws what the system says when it cannot be read. */
export function readPassphrase(path: string): Secret {
  const bytes = readFileSync(path)
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end--
  return new Secret(Buffer.from(bytes.subarray(0, end)))
}

function openFiles({ rootFile, passphraseFile }: OfflineRootFiles): ReturnType<typeof openOfflineRoot> {
  try {
    using passphrase = readPassphrase(passphraseFile)
    return openOfflineRoot(readFileSync(rootFile, 'latin1'), passphrase)
  } catch (error) {
    return refuse('pki/export-unreadable', error instanceof Error ? error.message : 'The files cannot be read.')
  }
}

/** Signs the request of an issuer with an exported root. Needs no hub, and no network. */
export async function signWithRoot(files: OfflineRootFiles, requestPem: string): ReturnType<typeof signAway> {
  const root = openFiles(files)
  return root.ok ? await signAway(root.value, requestPem, systemClock.now(), systemRandom) : root
}

/** Proof for the hub that an exported root opens, in base64. */
export function proofOfExport(files: OfflineRootFiles): Result<string> {
  const root = openFiles(files)
  return root.ok ? ok(proveRemoval(root.value).toString('base64')) : root
}
