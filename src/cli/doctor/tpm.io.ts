import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { promisify } from 'node:util'
import type { DeviceNode, TpmFacts } from './tpm.ts'

const run = promisify(execFile)
const patienceMs = 5_000
const nodes = { manager: '/dev/tpmrm0', raw: '/dev/tpm0' } as const

/** Asks the TPM at `tcti` (as tpm2-tools take it; undefined: that of this machine) what the doctor judges. Changes nothing in it. */
export async function collectTpm(tcti: string | undefined): Promise<TpmFacts> {
  const manager = lookAt(nodes.manager)
  const raw = lookAt(nodes.raw)
  const path = manager === 'absent' ? nodes.raw : nodes.manager
  const used = tcti ?? (manager === 'absent' && raw === 'absent' ? undefined : `device:${path}`)
  const ask = async (tool: string, ...words: readonly string[]) =>
    used === undefined ? { failed: 'there is no TPM' } : output(tool, words, used)
  // One after the other: without a resource manager a TPM serves one at a time.
  const fixed = await ask('tpm2_getcap', 'properties-fixed')
  const answers = 'failed' in fixed ? undefined : fixed.text
  const more = async (tool: string, ...words: readonly string[]): Promise<string> => {
    if (answers === undefined) return ''
    const said = await ask(tool, ...words)
    return 'failed' in said ? '' : said.text
  }
  return {
    manager,
    raw,
    tcti: used,
    given: tcti !== undefined,
    fixed: answers,
    failure: 'failed' in fixed ? fixed.failed : undefined,
    variable: await more('tpm2_getcap', 'properties-variable'),
    banks: await more('tpm2_getcap', 'pcrs'),
    clock: await more('tpm2_readclock'),
    persistent: await more('tpm2_getcap', 'handles-persistent'),
    indexes: await more('tpm2_getcap', 'handles-nv-index'),
  }
}

function lookAt(path: string): DeviceNode {
  if (!existsSync(path)) return 'absent'
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return 'usable'
  } catch {
    return 'no-right'
  }
}

async function output(tool: string, words: readonly string[], tcti: string): Promise<{ text: string } | { failed: string }> {
  try {
    const { stdout } = await run(tool, [...words, '-T', tcti], { timeout: patienceMs, maxBuffer: 256 * 1024 })
    return { text: stdout }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { failed: 'no tools' }
    const said = error instanceof Error && 'stderr' in error && typeof error.stderr === 'string' ? error.stderr : ''
    return { failed: said.trim().split('\n').at(-1)?.slice(0, 200) ?? '' }
  }
}
